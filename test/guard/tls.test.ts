import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import { Type } from 'typebox'
import { Connection } from '../../bench/load/connection.ts'
import { phoenixV2 } from '../../bench/load/dialect.ts'
import { maskedText } from '../../bench/load/frames.ts'
import beryl, { defineChannel } from '../../src/index.ts'
import { tls } from '../support/tls.ts'
import { until } from '../support/until.ts'

// TLS costs a record for each write, beside the bytes: a header, a tag, a pass through the cipher. They are counted on the wire.

/** The type of a record that carries data; the other types are of the handshake. */
const APPLICATION_DATA = 23
const RECORD_BYTES = 16_384

/** Counts the records that a server sends. */
class Records {
  count = 0
  #rest = Buffer.alloc(0)

  read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) {
      if (bytes[0] === APPLICATION_DATA) this.count += 1
      bytes = bytes.subarray(5 + bytes.readUInt16BE(3))
    }
    this.#rest = bytes
  }
}

const room = defineChannel('room:*', {
  schema: {
    in: {
      echo: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ body: Type.String() }) },
      many: Type.Object({ times: Type.Integer(), bytes: Type.Integer() }),
    },
    out: { said: Type.Object({ body: Type.String() }) },
  },
  join: () => ({ assigns: {} }),
  in: {
    echo: (payload) => payload,
    many({ times, bytes }, socket) {
      for (let n = 0; n < times; n++) socket.broadcast('said', { body: 'x'.repeat(bytes) })
    },
  },
})

/** A member behind a wire on which the records are counted. */
interface Member {
  readonly connection: Connection
  readonly records: Records
  /** Frames that have come. */
  heard(): number
}

async function serve(t: TestContext): Promise<() => Promise<Member>> {
  const app = Fastify({ https: tls })
  await app.register(beryl, { channels: [room] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return async () => {
    const records = new Records()
    const wire = createServer((client) => passOn(client, connect(port, '127.0.0.1'), records)).listen(
      0,
      '127.0.0.1',
    )
    t.after(() => wire.close())
    await once(wire, 'listening')
    let heard = 0
    const listener = { frame: () => void heard++, lost() {} }
    const target = { port: (wire.address() as AddressInfo).port, dialects: [phoenixV2], topicPrefix: 'room' }
    const connection = await Connection.open({ ...target, tls: true, listener }, 0, ['room:1'])
    t.after(() => connection.reset())
    // Whatever else belongs to the handshake is sent before the answer to this.
    connection.write(echo(1))
    await until('it is answered', () => heard === 1)
    return { connection, records, heard: () => heard }
  }
}

function passOn(client: Socket, server: Socket, records: Records): void {
  server.on('data', (chunk) => records.read(chunk))
  client.pipe(server).pipe(client)
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const)
    socket.on('error', () => other.destroy())
}

/** So many pushes in one write, which comes to the server in one turn. */
function echo(times: number): Buffer {
  const push = (ref: number): Buffer =>
    maskedText(JSON.stringify(['1', String(ref), 'room:1', 'echo', { body: 'hi' }]))
  return Buffer.concat(Array.from({ length: times }, (_, ref) => push(ref)))
}

/** A push upon which the server broadcasts 16 times. */
function many(bytes: number): Buffer {
  return maskedText(JSON.stringify(['1', '2', 'room:1', 'many', { times: 16, bytes }]))
}

async function recordsFor(member: Member, frames: Buffer, answers: number): Promise<number> {
  const before = { records: member.records.count, heard: member.heard() }
  member.connection.write(frames)
  await until('all is answered', () => member.heard() - before.heard === answers)
  return member.records.count - before.records
}

test('over TLS the replies to 16 pushes of one turn are one record', async (t) => {
  const member = await (await serve(t))()
  assert.equal(await recordsFor(member, echo(1), 1), 1)
  assert.equal(await recordsFor(member, echo(16), 16), 1)
})

test('over TLS 16 broadcasts of one turn are one record for each subscriber', async (t) => {
  const come = await serve(t)
  const [speaker, ...others] = [await come(), await come(), await come()]
  const before = others.map(({ records }) => records.count)
  assert.equal(await recordsFor(speaker as Member, many(100), 16), 1)
  await until('the others have heard all', () => others.every(({ heard }) => heard() === 17))
  assert.deepEqual(
    others.map(({ records }, index) => records.count - (before[index] ?? 0)),
    [1, 1],
  )
})

test('over TLS what fits into no record takes as many as it has to', async (t) => {
  const member = await (await serve(t))()
  assert.equal(await recordsFor(member, many(3_000), 16), Math.ceil((16 * 3_000) / RECORD_BYTES))
})
