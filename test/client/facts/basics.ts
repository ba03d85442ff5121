import { equal, type Fact, failure, until } from '../stage.ts'

/** A channel as its contract says it, without anything that breaks. */
export const basics: Readonly<Record<string, Fact>> = {
  async 'joins, and gets the reply of the contract'(stage) {
    const room = stage.client().channel(stage.topic, { name: 'ada' })
    equal(room.state, 'closed')
    const reply = room.join()
    equal(room.state, 'joining')
    equal(await reply, { welcome: 'ada' })
    equal([room.state, room.reply], ['joined', { welcome: 'ada' }])
  },

  async 'pushes, and gets each reply'(stage) {
    const { room } = await stage.member('ada')
    const texts = Array.from({ length: 50 }, (_, index) => `Grüße, 世界 👋 ${index}`)
    const replies = await Promise.all(texts.map((text) => room.push('echo', { text })))
    equal(
      replies.map(({ text }) => text),
      texts,
    )
  },

  async 'hears what is broadcast, until it ends that'(stage) {
    const { room } = await stage.member('ada')
    const heard: string[] = []
    const other: string[] = []
    const off = room.on('said', ({ text }) => heard.push(text))
    room.on('said', ({ text }) => other.push(text))
    await room.push('say', { text: 'one' })
    await until('the first came', () => heard.length === 1)
    off()
    await room.push('say', { text: 'two' })
    await until('the second came', () => other.length === 2)
    equal(heard, ['one'])
  },

  async 'carries bytes both ways'(stage) {
    const { room } = await stage.member('ada')
    const shown: Uint8Array[] = []
    room.on('shown', (bytes) => shown.push(bytes))
    const reversed = await room.push('bytes', Uint8Array.of(0, 1, 127, 128, 255))
    equal([reversed instanceof Uint8Array, [...reversed]], [true, [255, 128, 127, 1, 0]])
    // A view into a larger buffer is no more than itself.
    await room.push('show', Uint8Array.of(9, 8, 7, 6).subarray(1, 3))
    await until('bytes came', () => shown.length === 1)
    equal([...(shown[0] ?? [])], [8, 7])
  },

  async 'gives the events to a loop, in order, until it breaks off'(stage) {
    const { room } = await stage.member('ada')
    const events = room.events('said')
    for (const text of ['a', 'b', 'c', 'd']) await room.push('say', { text })
    const heard: string[] = []
    for await (const { text } of events) {
      heard.push(text)
      if (text === 'c') break
    }
    equal(heard, ['a', 'b', 'c'])
    equal(await events.next(), { done: true })
  },

  async 'ends a loop over events with the channel'(stage) {
    const { room } = await stage.member('ada')
    const other = room.events('said')
    const waits = [room.events('said').next(), room.events('heard').next(), other.next(), other.next()]
    room.leave()
    for (const wait of waits) equal(await wait, { done: true })
  },

  async 'ends a loop that does not keep up with an error, and keeps no more'(stage) {
    const { room } = await stage.member('ada')
    const events = room.events('said')
    let count = 0
    room.on('said', () => count++)
    for (let n = 0; n <= 1000; n += 91)
      await Promise.all(Array.from({ length: 91 }, () => room.push('say', { text: '' })))
    await until('all came', () => count > 1000)
    equal((await failure(events.next())).reason, 'overloaded')
    equal(await room.push('echo', { text: 'fine' }), { text: 'fine' })
  },

  async 'keeps its beat with phoenix.js'(stage) {
    let beats = 0
    const { room } = await stage.member('ada', {
      heartbeatIntervalMs: 500,
      logger: (kind, message) => {
        if (kind === 'receive' && message.includes('phoenix phx_reply')) beats++
      },
    })
    await until('three beats', () => beats >= 3)
    equal(room.state, 'joined')
  },
}
