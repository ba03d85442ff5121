import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))

test('the example prints its address, serves its page there, and ends by a signal with 0', {
  timeout: 120_000,
}, async (t) => {
  const example = spawn(process.execPath, ['--import', 'tsx', 'example-app/main.ts'], {
    cwd: root,
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => example.kill('SIGKILL'))
  const ended = once(example, 'exit')
  const [line] = await once(createInterface(example.stdout), 'line')
  const address = /http:\/\/\S+/.exec(line)?.[0]
  assert.ok(address, line)

  const files = ['/', '/chat.css', '/chat.js', '/client.js', '/asyncapi.json']
  const types = await Promise.all(
    files.map(async (file) => {
      const response = await fetch(address + file)
      await response.arrayBuffer()
      return [file, response.status, response.headers.get('content-type')]
    }),
  )
  assert.deepEqual(types, [
    ['/', 200, 'text/html; charset=utf-8'],
    ['/chat.css', 200, 'text/css; charset=utf-8'],
    ['/chat.js', 200, 'text/javascript; charset=utf-8'],
    ['/client.js', 200, 'text/javascript; charset=utf-8'],
    ['/asyncapi.json', 200, 'application/json; charset=utf-8'],
  ])
  example.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})
