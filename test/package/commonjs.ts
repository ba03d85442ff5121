import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { samplesOf } from '../docs/samples.ts'

/** Runs the server of docs/recipes.md that is CommonJS, in a folder with the packed package, until it listens and has drained. */
export async function requirePackage(folder: string): Promise<void> {
  const sample = samplesOf('docs/recipes.md').find(({ name }) => name === 'server.cjs')
  assert.ok(sample)
  writeFileSync(join(folder, 'server.cjs'), sample.code)
  await servesAndDrains(folder, 'server.cjs')
}

/** Runs a server until it has printed its address, and then until SIGTERM has ended it. */
export async function servesAndDrains(folder: string, file: string): Promise<void> {
  const env = { ...process.env, PORT: '0' }
  const server = spawn(process.execPath, [file], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(server, 'exit')
  const [line] = await Promise.race([once(createInterface(server.stdout), 'line'), exited])
  assert.match(String(line), /^http:/)
  server.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
}
