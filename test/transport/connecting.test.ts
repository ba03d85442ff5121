import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, reject } from 'fastify-beryl'
import { type ConnectOptions, ConnectRefused, connect } from 'fastify-beryl/testing'

interface Served {
  readonly app: FastifyInstance
  readonly lines: string[]
}

async function serve(t: TestContext, options: BerylOptions): Promise<Served> {
  const lines: string[] = []
  const app = Fastify({
    logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } },
  })
  t.after(() => app.close())
  await app.register(beryl, options)
  return { app, lines }
}

async function refused(app: FastifyInstance, options?: ConnectOptions): Promise<ConnectRefused> {
  const outcome: unknown = await connect(app, options).catch((error: unknown) => error)
  assert.ok(outcome instanceof ConnectRefused, 'it was let in')
  return outcome
}

const WANTED = '{ assigns?, expiresAt? } or reject(…)'

for (const [title, granted, wanted, got] of [
  [
    'the assigns by themselves',
    { userId: 'ada' },
    `${WANTED} ("userId" is neither: is it one of the assigns?)`,
    '{ userId }',
  ],
  [
    'an expiresAt beside assigns of its own',
    { userId: 'ada', expiresAt: 1 },
    `${WANTED} ("userId" is neither: is it one of the assigns?)`,
    '{ userId, expiresAt }',
  ],
  ['nothing, as with a forgotten return', undefined, WANTED, 'undefined'],
  ['null', null, WANTED, 'null'],
  ['a boolean', true, WANTED, 'true'],
  ['a secret', 'hunter2', WANTED, 'a string'],
  ['a list', [], WANTED, 'an array of 0'],
  ['an error', new Error('no'), WANTED, 'an instance of Error'],
  ['assigns that are no object', { assigns: 'hunter2' }, 'assigns as an object', 'a string'],
  [
    'assigns that are promised',
    { assigns: Promise.resolve({}) },
    'assigns as an object (await it first)',
    'an instance of Promise',
  ],
  [
    'an end that is no time',
    { expiresAt: 'soon' },
    'expiresAt as a Date or in milliseconds since the epoch',
    'a string',
  ],
  [
    'an end that is no date',
    { expiresAt: new Date('?') },
    'expiresAt as a Date or in milliseconds since the epoch',
    'an instance of Date',
  ],
] as const) {
  for (const how of ['at once', 'later'] as const) {
    test(`W95 connect that gives ${title} ${how} lets nobody in: the client is answered 500, the log says why`, async (t) => {
      const give = how === 'at once' ? () => granted : async () => granted
      const { app, lines } = await serve(t, { connect: give as never })
      const error = await refused(app)
      assert.equal(error.statusCode, 500)
      assert.equal(error.reason, 'error')
      const message = `connect: wanted ${wanted}, got ${got}`
      assert.deepEqual(JSON.parse(error.body), {
        statusCode: 500,
        code: 'BERYL_ERR_CONNECT_INVALID',
        error: 'Internal Server Error',
        message,
      })
      const logged = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 50)
      assert.deepEqual(
        logged.map(({ err }) => err.message),
        [message],
      )
      assert.equal(app.channels.status().connections, 0)
    })
  }
}

test('W95 connect may leave out assigns and expiresAt, and may say so with undefined', async (t) => {
  for (const granted of [{}, { assigns: undefined, expiresAt: undefined }]) {
    const { app } = await serve(t, { connect: () => granted })
    const [client, other] = [await connect(app), await connect(app)]
    assert.deepEqual(client.connection.assigns, {})
    assert.notEqual(client.connection.assigns, other.connection.assigns)
  }
})

const notFound = { path: '/nowhere' }
const elsewhere = { headers: { host: 'chat.example', origin: 'https://evil.example' } }

for (const [title, statusCode, reason, options, how] of [
  ['whose origin is another', 403, 'origin', {}, elsewhere],
  ['of an unknown version', 403, 'vsn', {}, { vsn: '3.0.0' }],
  ['that connect rejects', 403, 'connect', { connect: () => reject({ banned: true }) }, {}],
  ['whose grant is over', 403, 'expired', { connect: () => ({ expiresAt: 1 }) }, {}],
  ['for whom there is no place', 503, 'limit connections', { limits: { connections: 1 } }, {}],
  ['that asks at a wrong path', 404, undefined, {}, notFound],
] as readonly (readonly [string, number, string | undefined, BerylOptions, ConnectOptions])[]) {
  test(`a client ${title} is told apart by the reason of ConnectRefused`, async (t) => {
    const { app } = await serve(t, options)
    if (statusCode === 503) await connect(app)
    const error = await refused(app, how)
    assert.equal(error.statusCode, statusCode)
    assert.equal(error.reason, reason)
  })
}

test('what connect gave to reject, or threw, is the cause of ConnectRefused', async (t) => {
  const failure = new Error('no database')
  const { app } = await serve(t, {
    connect({ params }) {
      if (params.who === 'eve') return reject({ banned: true })
      throw failure
    },
  })
  assert.deepEqual((await refused(app, { params: { who: 'eve' } })).cause, { banned: true })
  assert.equal((await refused(app)).cause, failure)
})

test('a hook that answers is no reason of ours', async (t) => {
  const { app } = await serve(t, {})
  const scope = Fastify()
  t.after(() => scope.close())
  scope.addHook('onRequest', async (_, reply) => reply.code(401).send())
  await scope.register(beryl)
  assert.equal((await refused(scope)).reason, undefined)
  await connect(app)
})

test('the log names the origin that was refused, and the host that it asked for, cut where they are long', async (t) => {
  const { app, lines } = await serve(t, {})
  await refused(app, elsewhere)
  const line = lines.map((text) => JSON.parse(text)).find(({ msg }) => msg === 'connection refused')
  assert.equal(line.reason, 'origin')
  assert.equal(line.origin, 'https://evil.example')
  assert.equal(line.host, 'chat.example')
  const other = await serve(t, { checkOrigin: (async () => true) as never })
  await refused(other.app, { headers: { host: 'a', origin: `https://${'x'.repeat(1_000)}.example` } })
  const long = other.lines.map((text) => JSON.parse(text)).find(({ msg }) => msg === 'connection refused')
  assert.equal(long.reason, 'origin: checkOrigin gave a promise')
  assert.equal(long.origin.length, 129)
})

for (const [field, options, message] of [
  [
    'path',
    { path: '/socket/websocket' },
    'option \'path\': wanted the path without the "/websocket" that clients put behind it: "/socket", got "/socket/websocket"',
  ],
  [
    'path',
    { path: '/websocket' },
    'option \'path\': wanted the path without the "/websocket" that clients put behind it: "/socket", got "/websocket"',
  ],
  [
    'checkOrigin[1]',
    { checkOrigin: ['https://example.com', 'localhost:5173'] },
    'option \'checkOrigin[1]\': wanted an origin such as "https://example.com" or "//*.example.com": here "//localhost:5173", got "localhost:5173"',
  ],
  [
    'checkOrigin[0]',
    { checkOrigin: ['*.example.com'] },
    'option \'checkOrigin[0]\': wanted an origin such as "https://example.com" or "//*.example.com": here "//*.example.com", got "*.example.com"',
  ],
  [
    'checkOrigin[0]',
    { checkOrigin: ['https://a/b'] },
    'option \'checkOrigin[0]\': wanted an origin such as "https://example.com" or "//*.example.com", got "https://a/b"',
  ],
] as const) {
  test(`${field} ${JSON.stringify(options)} is refused with the right form`, async () => {
    await assert.rejects(async () => Fastify().register(beryl, options), {
      code: 'BERYL_ERR_OPTION_INVALID',
      message,
    })
  })
}

test('a connectionTopic under which nobody could be found lets nobody in, and says so', async (t) => {
  for (const [topic, got] of [
    ['', 'a string of 0 bytes'],
    ['é'.repeat(128), 'a string of 256 bytes'],
    ['a\ud800', 'a string of 4 bytes'],
    [42, '42'],
    [null, 'null'],
  ] as const) {
    const { app } = await serve(t, { connectionTopic: () => topic as string })
    const { statusCode, cause } = await refused(app)
    assert.deepEqual(
      [statusCode, (cause as Error).message],
      [
        500,
        `connect: wanted connectionTopic to give a well-formed string of 1 to 255 bytes, or undefined, got ${got}`,
      ],
    )
  }
})

test('disconnect without the option connectionTopic is refused: it would find nobody', async (t) => {
  const { app } = await serve(t, {})
  assert.throws(() => app.channels.disconnect('user:ada'), {
    code: 'BERYL_ERR_OPTION_INVALID',
    message: /option 'connectionTopic': wanted a function .* channels\.disconnect .*, got undefined/,
  })
})

for (const connectAs of [
  () => {
    throw reject({ reason: 'full' })
  },
  async () => {
    throw reject({ reason: 'full' })
  },
])
  test(`a ${connectAs.constructor.name} connect that throws reject(…) is told to return it`, async (t) => {
    const { app, lines } = await serve(t, { connect: connectAs as never })
    assert.equal((await refused(app)).statusCode, 500)
    assert.ok(
      lines.some((line) => line.includes('connect: wanted `return reject(…)`, got `throw reject(…)`')),
    )
  })

test("W95 promised assigns that reject beside an unknown key are nobody's unhandled rejection", async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const grant = () => ({ assigns: Promise.reject(new Error('away')), expiresAtt: 1 })
  await app.register(beryl, { connect: grant as never })
  await assert.rejects(connect(app), /expiresAtt.* is neither/)
})
