import { comes, equal, type Fact, until } from '../stage.ts'

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
    const { room } = await stage.member('ada', {
      reconnectAfterMs: () => 3_600_000,
      params: () => ({ name: stage.topic, token: `t${++asked}`, ...(asked === 1 ? { ttl: 1000 } : {}) }),
      // No renewal, for it gives no string.
      authToken: () => undefined,
    })
    await comes(room, 'joined')
    const { params, renewals } = await stage.seen()
    equal([params, renewals], [['t1', 't2'], []])
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
