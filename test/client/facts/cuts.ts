import { comes, equal, type Fact, failure, until } from '../stage.ts'

/** The connection breaks, and what that costs. */
export const cuts: Readonly<Record<string, Fact>> = {
  async 'comes back by itself, and tells each state'(stage) {
    const { client, room } = await stage.member('ada')
    const states: string[] = []
    client.onState((state) => states.push(`client ${state}`))
    room.onState((state) => states.push(state))
    await stage.order('cut')
    await until('it is back', () => states.includes('joined'))
    equal(
      [...new Set(states)],
      ['offline', 'client offline', 'client connected', 'joining', 'joined'].toSorted(byFirst(states)),
    )
    equal(await room.push('echo', { text: 'here' }), { text: 'here' })
  },

  async 'hears what it missed over a cut, in order and once, without a line'(stage) {
    const { room } = await stage.member('ada')
    const heard: number[] = []
    const recovered: boolean[] = []
    const missed: number[] = []
    room.on('heard', ({ n }) => heard.push(n))
    room.onState((state, detail) => {
      if (state !== 'joined') return
      recovered.push(detail.recovered)
      missed.push(detail.missed)
    })
    await stage.order('say', stage.topic, 1, 3)
    for (let round = 0; round < 5; round++) {
      const said = 4 + round * 5
      const wasOffline = comes(room, 'offline')
      await stage.order('cut')
      await wasOffline
      await stage.order('say', stage.topic, said, 5)
      await until(`round ${round} came`, () => heard.length >= said + 4)
    }
    equal(
      heard,
      Array.from({ length: 28 }, (_, index) => index + 1),
    )
    equal([...new Set(recovered)], [true])
    // Some may have been said when it was back already; what a poll had not brought yet was missed, too.
    equal(
      missed.every((count) => count >= 0 && count <= 8),
      true,
    )
  },

  async 'hears once what comes twice'(stage) {
    /** As when a join that was given up is answered after all, and the next one as well. */
    class Twice extends globalThis.WebSocket {
      override set onmessage(listener: (event: unknown) => void) {
        super.onmessage = (event) => {
          listener(event)
          if (String(event.data).includes('"@')) listener(event)
        }
      }
    }
    const { room } = await stage.member('ada', { transport: Twice })
    const heard: number[] = []
    room.on('heard', ({ n }) => heard.push(n))
    await stage.order('say', stage.topic, 1, 3)
    await until('all came', () => heard.includes(3))
    await room.push('echo', { text: 'nothing more came before' })
    equal(heard, [1, 2, 3])
  },

  async 'hears the very first entry of a log, where it was away for that'(stage) {
    const { room, client } = await stage.member('ada')
    const heard: number[] = []
    const missed: unknown[] = []
    room.on('heard', ({ n }) => heard.push(n))
    room.onState((state, detail) => {
      if (state === 'joined') missed.push([detail.recovered, detail.missed])
    })
    await stage.order('open', false)
    try {
      await stage.order('cut')
      await until('it is offline', () => client.state === 'offline')
      await stage.order('say', stage.topic, 1, 2)
    } finally {
      await stage.order('open', true)
    }
    await until('both came', () => heard.length === 2)
    equal([heard, missed], [[1, 2], [[true, 2]]])
  },

  async 'is told that it missed something, where the log cannot say what'(stage) {
    const { room } = await stage.member('ada')
    const heard: number[] = []
    const changes: unknown[] = []
    room.on('heard', ({ n }) => heard.push(n))
    room.onState((state, detail) => {
      if (state === 'joined') changes.push(detail.recovered)
    })
    await stage.order('say', stage.topic, 1, 2)
    await until('two came', () => heard.length === 2)
    await stage.order('forget', stage.topic)
    await until('it is joined anew', () => changes.length === 1)
    await stage.order('say', stage.topic, 3)
    await until('the third came', () => heard.length === 3)
    equal([heard, changes], [[1, 2, 3], [false]])
  },

  async 'tells a first join that nothing was recovered'(stage) {
    const room = stage.client().channel(stage.topic, { name: 'ada' })
    const details: unknown[] = []
    room.onState((state, detail) => {
      if (state === 'joined') details.push(detail)
    })
    await room.join()
    equal(details, [{ recovered: false, missed: 0, reply: { welcome: 'ada' } }])
  },

  async 'has a position, which a later visit begins at'(stage) {
    const { room, client } = await stage.member('ada')
    await stage.order('say', stage.topic, 1, 2)
    await until('it has a position', () => room.position?.offset === 2)
    const from = room.position
    await client.close()
    await stage.order('say', stage.topic, 3, 2)
    const later = stage.client().channel(stage.topic, { name: 'ada' }, { from })
    const heard: number[] = []
    later.on('heard', ({ n }) => heard.push(n))
    await later.join()
    await until('it caught up', () => heard.length === 2)
    equal(heard, [3, 4])
  },

  async 'begins where a page got over HTTP, and hears nothing from before that'(stage) {
    await stage.order('say', stage.topic, 1, 2)
    const from = await stage.order('position', stage.topic)
    await stage.order('say', stage.topic, 3, 2)
    const heard: number[] = []
    const joins: unknown[] = []
    const visit = async (position: typeof from): Promise<void> => {
      const room = stage.client().channel(stage.topic, { name: 'ada' }, { from: position })
      room.on('heard', ({ n }) => heard.push(n))
      room.onState((state, detail) => {
        if (state === 'joined') joins.push([detail.recovered, detail.missed])
      })
      await room.join()
    }
    await visit(from)
    await until('it caught up', () => heard.length === 2)
    // Nobody gives himself more than he was given.
    await visit({ ...from, offset: 0 })
    await stage.order('say', stage.topic, 5)
    await until('both hear the next', () => heard.length === 4)
    equal(heard, [3, 4, 5, 5])
    equal(joins, [
      [true, 2],
      [false, 0],
    ])
  },

  async 'says of a push that was on its way that it may have been handled, and sends nothing twice'(stage) {
    const { room } = await stage.member('ada')
    const hanging = failure(room.push('hang'))
    await until('the server has it', async () => (await stage.seen()).pushes.length === 1)
    const isBack = comes(room, 'joined')
    await stage.order('cut')
    equal((await hanging).reason, 'interrupted')
    await isBack
    await room.push('echo', { text: 'after it' })
    equal((await stage.seen()).pushes, ['hang', 'after it'])
  },

  async 'sends pushes that were made while it was away or not yet joined, once and in order'(stage) {
    const room = stage.client().channel(stage.topic, { name: 'ada' })
    void room.join()
    const first = ['a', 'b', 'c'].map((text) => room.push('echo', { text }))
    await Promise.all(first)
    await stage.order('stop')
    await until('it is offline', () => room.state === 'offline')
    const second = ['d', 'e', 'f'].map((text) => room.push('echo', { text }))
    await stage.order('start')
    await Promise.all(second)
    equal((await stage.seen()).pushes, ['a', 'b', 'c', 'd', 'e', 'f'])
  },

  async 'joins again after its channel crashed, and says so of what was on its way'(stage) {
    const { room } = await stage.member('ada')
    const hanging = failure(room.push('hang'))
    const crashed = failure(room.push('crash'))
    equal([(await hanging).reason, (await crashed).reason], ['interrupted', 'interrupted'])
    equal(await room.join(), { welcome: 'ada' })
    equal(await room.push('echo', { text: 'again' }), { text: 'again' })
  },

  async 'comes back at once when the platform says that it is online'(stage) {
    const { client, room } = await stage.member('ada', { reconnectAfterMs: () => 3_600_000 })
    await stage.order('cut')
    await until('it is offline', () => client.state === 'offline')
    Reflect.get(globalThis, 'dispatchEvent')(new Event('online'))
    await until('it is joined', () => room.state === 'joined')
  },

  async 'leaves, and hears nothing more, while it is offline'(stage) {
    const { room, client } = await stage.member('ada')
    await stage.order('open', false)
    try {
      await stage.order('cut')
      await until('it is offline', () => room.state === 'offline')
      room.leave()
      equal(room.state, 'closed')
    } finally {
      await stage.order('open', true)
    }
    await until('it is connected', () => client.state === 'connected')
    const { room: other } = await stage.member('bo')
    await other.push('echo', { text: '' })
    equal(
      (await stage.seen()).joins.map(({ name }) => name),
      ['ada', 'bo'],
    )
  },
}

/** phoenix.js 1.7 and 1.8 tell the socket and its channels in another order: each as it came. */
function byFirst(states: readonly string[]): (one: string, other: string) => number {
  return (one, other) => states.indexOf(one) - states.indexOf(other)
}
