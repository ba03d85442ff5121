import { createClient } from 'fastify-beryl/client'
import { useChannel, useEvent, usePresence } from 'fastify-beryl/react'
import { createElement, version } from 'react'
import { renderToString } from 'react-dom/server'
import type { App } from './contract.ts'

// A component with all hooks, as a server renders it. Bundled with either React.

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

/** The HTML, and what it has set off. */
export async function render() {
  const html = renderToString(createElement(Room))
  await new Promise(setImmediate)
  return { version: `React ${parseInt(version, 10)}`, html, connections, heard, state: client.state }
}
