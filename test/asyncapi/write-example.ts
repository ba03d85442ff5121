// Writes docs/asyncapi.example.json: npx tsx test/asyncapi/write-example.ts
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'

export const PAGE = new URL('../../docs/asyncapi.example.json', import.meta.url)

/** The document, as the example serves it. */
export async function exampleDocument(): Promise<string> {
  // Not by a plain import: what the example says of its own channels would hold for all tests.
  const { href } = new URL('../../example-app/server.ts', import.meta.url)
  const { buildChat }: { buildChat(): Promise<FastifyInstance> } = await import(href)
  const app = await buildChat()
  await app.ready()
  const { body } = await app.inject('/asyncapi.json')
  await app.close()
  return body
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(PAGE, `${JSON.stringify(JSON.parse(await exampleDocument()), null, 2)}\n`)
