import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { nats } from 'fastify-beryl/nats'
import { NatsServer } from '../support/nats.ts'
import { need } from '../support/need.ts'
import { tls } from '../support/tls.ts'

// The library takes its listeners off a socket before it destroys it: an error of a write that is told after that would end
// the process.

const ENDS: Record<string, (connection: NatsConnection) => Promise<void>> = {
  'is closed': (connection) => connection.close(),
  'is drained': (connection) => connection.drain(),
}

/** Time in which the kernel learns that the server is gone, and the event loop does not. */
function standStill(): void {
  const until = performance.now() + 60
  while (performance.now() < until);
}

suite('nats, the end of a connection', need('nats-server'), () => {
  for (const isTls of [true, false])
    for (const [how, end] of Object.entries(ENDS))
      for (const isKilled of [false, true])
        test(`X34: a connection ${isTls ? 'over TLS' : 'without TLS'} that ${how} by the application under traffic${isKilled ? ', its server killed a moment before,' : ''} leaves no error unheard`, async (t) => {
          const folder = mkdtempSync(join(tmpdir(), 'beryl-tls-'))
          t.after(() => rmSync(folder, { recursive: true }))
          writeFileSync(join(folder, 'cert.pem'), tls.cert)
          writeFileSync(join(folder, 'key.pem'), tls.key)
          const files = `cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem"`
          const server = await NatsServer.start(...(isTls ? [`tls { ${files} }`] : []))
          t.after(() => server.end())
          const unheard: unknown[] = []
          const note = (error: unknown): void => void unheard.push(error)
          for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
            process.on(name, note)
            t.after(() => process.off(name, note))
          }
          for (let round = 0; round < 5; round++) {
            const connection = await connect({
              servers: `localhost:${server.port}`,
              ...(isTls ? { tls: { ca: tls.cert } } : {}),
              maxReconnectAttempts: -1,
            })
            const adapter = nats({ connection })
            await adapter.start(
              'node',
              () => {},
              () => {},
            )
            await Promise.all(Array.from({ length: 20 }, (_, n) => adapter.subscribe(`topic-${n}`)))
            const killed = isKilled ? server.kill() : undefined
            if (isKilled) standStill()
            for (let n = 0; n < 200; n++) adapter.publish('topic-1', Buffer.alloc(5_000))
            const ended = end(connection).catch(() => {})
            adapter.unsubscribe('topic-2')
            adapter.publish('topic-1', Buffer.alloc(5_000))
            // A drain whose server is gone has no end.
            await (isKilled ? connection.close() : ended)
            await adapter.stop()
            await killed
            if (isKilled) await server.start()
          }
          // An error that was told late comes by now.
          await new Promise(setImmediate)
          assert.deepEqual(unheard, [])
        })
})
