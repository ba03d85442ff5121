import { comes, equal, type Fact, failure, until } from '../stage.ts'

/** The ends that joins and pushes have: each of them has one, and says which. */
export const refusals: Readonly<Record<string, Fact>> = {
  async 'is refused for good, and asks no more until it is told to'(stage) {
    const client = stage.client()
    const room = client.channel(stage.topic, { name: 'mallory', how: 'refused' })
    const states: string[] = []
    room.onState((state, { error }) => states.push(error ? `${state} ${error.reason}` : state))
    const error = await failure(room.join())
    equal([error.reason, error.response, error.isRetried], ['unwelcome', { reason: 'unwelcome' }, false])
    equal([room.state, room.error?.reason], ['closed', 'unwelcome'])
    // phoenix.js would ask again now, and after every reconnect.
    const { room: other } = await stage.member('ada')
    const [isBack, isConnected] = [comes(other, 'joined'), comes(client, 'connected')]
    await stage.order('cut')
    await Promise.all([isBack, isConnected])
    await other.push('echo', { text: 'nothing came before' })
    equal(await asked(stage, 'mallory'), 1)
    equal((await failure(room.join())).reason, 'unwelcome')
    equal(await asked(stage, 'mallory'), 2)
    equal(states, ['joining', 'closed unwelcome', 'joining', 'closed unwelcome'])
  },

  async 'is refused for good where no channel is, or the payload does not fit'(stage) {
    const nowhere = stage.client().channel('nowhere' as 'room:1', { name: 'ada' })
    const unmatched = await failure(nowhere.join())
    equal([unmatched.reason, unmatched.isRetried], ['unmatched topic', false])
    const wrong = stage.client().channel(stage.topic, { name: 7 as unknown as string })
    await wrong.join().catch((error) => {
      equal([error.reason, error.isRetried], ['invalid_payload', false])
      if (error.reason === 'invalid_payload') equal(error.response.errors[0]?.path, '/name')
      equal(/invalid_payload .*"\/name"/.test(error.message), true)
    })
    equal(wrong.state, 'closed')
  },

  async 'asks again after a refusal that passes, not before the time that it names'(stage) {
    const room = stage.client().channel(stage.topic, { name: 'ada', how: 'busy' })
    const error = await failure(room.join())
    equal([error.reason, error.isRetried, room.state], ['busy', true, 'joining'])
    equal(await room.join(), { welcome: 'ada' })
    const { joins } = await stage.seen()
    equal(joins.length, 2)
    if ((joins[1]?.at ?? 0) - (joins[0]?.at ?? 0) < 300) throw new Error('it came back too soon')
  },

  async 'asks again where the join crashed'(stage) {
    const room = stage.client().channel(stage.topic, { name: 'ada', how: 'crash' })
    const error = await failure(room.join())
    equal([error.reason, error.isRetried], ['join crashed', true])
    await room.join()
    equal((await stage.seen()).joins.length, 2)
  },

  async 'has an end for a join that nobody answers'(stage) {
    const client = stage.client({ timeoutMs: 150 })
    const room = client.channel(stage.topic, { name: 'ada', how: 'never' })
    // The first may find no connection within that time.
    await failure(room.join())
    await until('it is connected', () => client.state === 'connected')
    const error = await failure(room.join())
    equal([error.reason, error.isRetried, error.response], ['timeout', true, undefined])
  },

  async 'has an end for a join and a push without a connection'(stage) {
    await stage.order('open', false)
    try {
      const client = stage.client({ timeoutMs: 150 })
      const room = client.channel(stage.topic, { name: 'ada' })
      const joined = failure(room.join())
      const pushed = failure(room.push('echo', { text: 'to nobody' }))
      equal([(await joined).reason, (await joined).isRetried], ['offline', true])
      equal((await pushed).reason, 'offline')
      equal(room.state, 'offline')
      // Between two tries.
      await until('it is offline', () => client.state === 'offline')
      await stage.order('open', true)
      // It went on trying.
      await until('it is joined', () => room.state === 'joined')
      equal((await stage.seen()).pushes, [])
    } finally {
      await stage.order('open', true)
    }
  },

  async 'has an end for a push that nobody answers'(stage) {
    const { room } = await stage.member('ada', { timeoutMs: 1500 })
    equal((await failure(room.push('hang'))).reason, 'timeout')
    equal(room.state, 'joined')
  },

  async 'tells the error of a push as the contract has it, and those of the library'(stage) {
    const { room } = await stage.member('ada')
    const error = await failure(room.push('refuse'))
    equal(
      [error.reason, error.response, error.topic, error.event],
      ['not today', { reason: 'not today' }, stage.topic, 'refuse'],
    )
    equal((await failure(room.push('echo', { text: 7 as unknown as string }))).reason, 'invalid_payload')
    equal((await failure(room.push('nonsense' as 'hang'))).reason, 'unknown_event')
    equal(error.message, `${stage.topic} refuse: not today`)
  },

  async 'tells a status of the application for what it is'(stage) {
    const { room } = await stage.member('ada')
    const error = await failure(room.push('queue'))
    equal([error.reason, error.response], ['queued', { place: 7 }])
  },

  async 'refuses pushes of a channel that is not joined, and of one that was left'(stage) {
    const client = stage.client()
    const room = client.channel(stage.topic, { name: 'ada' })
    equal((await failure(room.push('echo', { text: '' }))).reason, 'closed')
    await room.join()
    room.leave()
    equal((await failure(room.push('echo', { text: '' }))).reason, 'closed')
  },

  async 'ends what waits when it is left'(stage) {
    const client = stage.client()
    const room = client.channel(stage.topic, { name: 'ada', how: 'never' })
    const waits = [room.join(), room.push('echo', { text: '' })].map(failure)
    room.leave()
    for (const error of await Promise.all(waits)) equal(error.reason, 'closed')
  },

  async 'ends a join that is aborted, and leaves'(stage) {
    const client = stage.client()
    const abort = new AbortController()
    const room = client.channel(stage.topic, { name: 'ada', how: 'never' })
    const joined = room.join({ signal: abort.signal }).then(
      () => 'joined',
      (reason) => reason as unknown,
    )
    abort.abort('not any more')
    equal([await joined, room.state], ['not any more', 'closed'])
    equal(await room.join({ signal: abort.signal }).catch((reason) => reason as unknown), 'not any more')
  },

  async 'tells that the server ended it, and why, and stays away'(stage) {
    const { room } = await stage.member('ada')
    await stage.order('dismiss', stage.topic, 'kicked')
    await until('it is closed', () => room.state === 'closed')
    equal([room.error?.reason, room.error?.response], ['closed', { reason: 'kicked' }])
    await room.join()
    await room.push('stop')
    await until('it is closed', () => room.state === 'closed')
    equal(await asked(stage, 'ada'), 2)
  },

  async 'lets a hundred pushes wait for a join, and no more'(stage) {
    const room = stage.client({ timeoutMs: 300 }).channel(stage.topic, { name: 'ada', how: 'never' })
    const joined = failure(room.join())
    const reasons = Array.from({ length: 101 }, async () => (await failure(room.push('hang'))).reason)
    equal(await reasons[100], 'overloaded')
    await joined
    equal(await reasons[0], 'offline')
  },
}

async function asked(stage: Parameters<Fact>[0], name: string): Promise<number> {
  const { joins } = await stage.seen()
  return joins.filter((join) => join.name === name).length
}
