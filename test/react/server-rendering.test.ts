import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from 'fastify-beryl/client'
import { useChannel, useEvent, usePresence } from 'fastify-beryl/react'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import type { App } from './contract.ts'

let connections = 0
let heard = 0

class Transport {
  constructor() {
    connections += 1
  }
}

const client = createClient<App>('ws://127.0.0.1:1/socket', { transport: Transport })

function Room() {
  const room = useChannel(client, 'room:1', { name: 'ada' })
  useEvent(room, 'said', () => {
    heard += 1
  })
  const people = usePresence(room)
  return createElement('p', null, `${room.state} ${room.reply?.welcome} ${room.error} ${people.length}`)
}

test('R11 on a server the hooks show a topic that is joining, and nothing happens', async () => {
  assert.equal(renderToString(createElement(Room)), '<p>joining undefined undefined 0</p>')
  await new Promise(setImmediate)
  assert.deepEqual([connections, heard, client.state], [0, 0, 'connecting'])
})
