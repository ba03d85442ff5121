import { comes, equal, type Fact, failure, type Stage, until } from '../stage.ts'

/** Tokens are asked for when they are needed, and never old. */
export const tokens: Readonly<Record<string, Fact>> = {
  async 'asks for params and authToken before every connect, and waits for them'(stage) {
    let asked = 0
    const later = async <T>(value: T): Promise<T> => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      return value
    }
    const { room } = await stage.member('ada', {
      params: () => later({ name: stage.topic, token: `p${++asked}` }),
      authToken: () => later(`a${asked}+/=?`),
    })
    for (let round = 0; round < 2; round++) {
      const isBack = comes(room, 'joined')
      await stage.order('cut')
      await isBack
    }
    const { params, authTokens } = await stage.seen()
    equal(params, ['p1', 'p2', 'p3'])
    equal(authTokens, ['a1+/=?', 'a2+/=?', 'a3+/=?'])
  },

  async 'tries again where no token could be had, and tells why'(stage) {
    let asked = 0
    const client = stage.client({
      params: () => {
        if (++asked < 3) throw new Error(`no token ${asked}`)
        return { name: stage.topic }
      },
    })
    const errors: unknown[] = []
    client.onState((state, { error }) => errors.push(state, error instanceof Error ? error.message : null))
    await client.channel(stage.topic, { name: 'ada' }).join()
    equal(errors, ['offline', 'no token 1', 'connected', null])
  },

  async 'says in a join and a push that found no connection what hindered it, until there is one'(stage) {
    let token: string | undefined
    const client = stage.client({
      timeoutMs: 150,
      reconnectAfterMs: () => 10,
      params: () => {
        if (token === undefined) throw new Error('the login is away')
        return { name: stage.topic, token }
      },
    })
    const room = client.channel(stage.topic, { name: 'ada' })
    const [joined, pushed] = [failure(room.join()), failure(room.push('echo', { text: 'to nobody' }))]
    for (const error of [await joined, await pushed])
      equal([error.reason, (error.cause as Error).message], ['offline', 'the login is away'])
    token = 'of today'
    await until('it is joined', () => room.state === 'joined')
    equal((await failure(room.push('echo', { text: 7 as unknown as string }))).cause, undefined)
  },

  async 'tries again where a token never came'(stage) {
    let asked = 0
    const client = stage.client({
      timeoutMs: 1000,
      params: () => (++asked === 1 ? new Promise(() => {}) : { name: stage.topic }),
    })
    const room = client.channel(stage.topic, { name: 'ada' })
    void room.join()
    await until('it is joined', () => room.state === 'joined')
    equal(asked, 2)
  },

  async 'comes back at once with a new token when the time of the old one is over'(stage) {
    let asked = 0
    // A client that polls knows it by the warning, which comes at the next look, within 5 s.
    const ttl = stage.place.transport === 'longpoll' ? 7000 : 1000
    const { room } = await stage.member('ada', {
      reconnectAfterMs: () => 3_600_000,
      params: () => ({ name: stage.topic, token: `t${++asked}`, ...(asked === 1 ? { ttl } : {}) }),
      // No renewal, for it gives no string.
      authToken: () => undefined,
    })
    await comes(room, 'joined')
    const { params, renewals } = await stage.seen()
    equal([params, renewals], [['t1', 't2'], []])
  },

  'takes its time to come back where its token was renewed': (stage) =>
    comesBackSlowly(stage, (asked) => `a${asked}`),

  'takes its time to come back where its new token has no end': (stage) =>
    comesBackSlowly(stage, (asked) => (asked === 1 ? 'a1' : 'forever')),

  async 'falls back to long polling with what it asked for, and asks anew there'(stage) {
    const { asked, last } = await fallBack(stage)
    equal(last.params, `p${asked()}`)
  },

  async 'falls back to long polling with its authToken'(stage) {
    const { asked, last } = await fallBack(stage)
    equal(last.authTokens, `a${asked()}+/=?`)
  },

  async 'shows a new token before the time of the old one is over, and stays'(stage) {
    let asked = 0
    const { client } = await stage.member('ada', {
      params: { name: stage.topic, ttl: 20_000 },
      authToken: () => `a${++asked}`,
    })
    const states: string[] = []
    client.onState((state) => states.push(state))
    await until('it was renewed', async () => (await stage.seen()).renewals.length > 0)
    const { renewals } = await stage.seen()
    equal([renewals, states], [['a2'], []])
  },
}

/** Cut off behind a renewal, it waits as long as its application says. */
async function comesBackSlowly(stage: Stage, token: (asked: number) => string): Promise<void> {
  let asked = 0
  const { client, room } = await stage.member('ada', {
    reconnectAfterMs: () => 300,
    params: { name: stage.topic, ttl: 20_000 },
    authToken: () => token(++asked),
  })
  await until('it was renewed', async () => (await stage.seen()).renewals.length > 0)
  await room.push('echo', { text: 'behind the answer' })
  const times: Partial<Record<string, number>> = {}
  client.onState((state) => {
    times[state] ??= performance.now()
  })
  await stage.order('cut')
  await until('it is back', () => times.connected !== undefined)
  const { offline = 0, connected = 0 } = times
  if (connected - offline < 290) throw new Error(`it came back in ${connected - offline} ms`)
}

/** A client whose WebSockets fail, and whose server was away meanwhile. */
async function fallBack(stage: Stage) {
  class NoWebSocket {
    readyState = 0
    onerror = (_error: unknown): void => {}
    constructor() {
      setTimeout(() => this.onerror(new Error('no WebSocket here')))
    }
    close(): void {
      this.readyState = 3
    }
  }
  let asked = 0
  const { room } = await stage.member('ada', {
    transport: NoWebSocket,
    longPollFallbackMs: 5000,
    // That of a page would remember it, for all that come after.
    sessionStorage: { getItem: () => null, setItem: () => {} },
    params: async () => ({ name: stage.topic, token: `p${++asked}` }),
    authToken: async () => `a${asked}+/=?`,
  })
  equal(asked, 1)
  await stage.order('stop')
  await until('it is offline', () => room.state === 'offline')
  await stage.order('start')
  await until('it is back', () => room.state === 'joined')
  const { params, authTokens } = await stage.seen()
  equal([params[0], new Set(params).size], ['p1', params.length])
  return { asked: () => asked, last: { params: params.at(-1), authTokens: authTokens.at(-1) } }
}
