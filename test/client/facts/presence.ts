import { equal, type Fact, until } from '../stage.ts'

/** Presence, as people see it. */
export const presence: Readonly<Record<string, Fact>> = {
  async 'tells who joins, who changes, and who leaves'(stage) {
    const ada = stage.client().channel(stage.topic, { name: 'ada' })
    const changes: string[] = []
    ada.presence.onChange(({ joins, leaves, updates }) => {
      for (const { key } of joins) changes.push(`+${key}`)
      for (const { key } of leaves) changes.push(`-${key}`)
      for (const { key, metas, before } of updates)
        changes.push(`${key}: ${before.map(({ name }) => name)} → ${metas.map(({ name }) => name)}`)
    })
    await ada.join()
    const { room: bo } = await stage.member('bo')
    await until('bo came', () => changes.includes('+bo'))
    await bo.push('rename', { text: 'Bosse' })
    await until('bo has another name', () => changes.length === 3)
    bo.leave()
    await until('bo went', () => changes.length === 4)
    equal(changes, ['+ada', '+bo', 'bo: bo → Bosse', '-bo'])
  },

  async 'lists everybody, in the same array until something changes'(stage) {
    const { room: ada } = await stage.member('ada')
    const names = () =>
      ada.presence.list().flatMap(({ key, metas }) => metas.map(({ name }) => `${key} ${name}`))
    await until('ada is there', () => names().length === 1)
    const before = ada.presence.list()
    equal(before === ada.presence.list(), true)
    const { client } = await stage.member('bo')
    await until('bo is there', () => names().length === 2)
    equal(before === ada.presence.list(), false)
    const { room: tab } = await stage.member('bo')
    await until('bo is there twice', () => names().length === 3)
    equal(ada.presence.list().length, 2)
    await client.close()
    tab.leave()
    await until('bo is gone', () => names().length === 1)
  },

  async 'lists nobody, always in the same array, before it is joined and when it was left'(stage) {
    const client = stage.client()
    const room = client.channel(stage.topic, { name: 'ada' })
    const nobody = room.presence.list()
    equal([nobody, Object.isFrozen(nobody)], [[], true])
    await room.join()
    await until('ada is there', () => room.presence.list().length === 1)
    room.leave()
    const other = client.channel('room:elsewhere', { name: 'ada' })
    equal(
      [room, other].map(({ presence }) => presence.list() === nobody),
      [true, true],
    )
  },

  async 'does not see people leave and come when it was itself away'(stage) {
    const { room: ada } = await stage.member('ada')
    const { room: bo } = await stage.member('bo')
    await until('both are there', () => ada.presence.list().length === 2)
    const changes: unknown[] = []
    ada.presence.onChange((change) => changes.push(change))
    await stage.order('stop')
    await until('both are offline', () => ada.state === 'offline' && bo.state === 'offline')
    equal(ada.presence.list().length, 2)
    await stage.order('start')
    await until('both are back', () => ada.state === 'joined' && bo.state === 'joined')
    // Whoever comes back first is told of the other one a moment later.
    const { room: cy } = await stage.member('cy')
    await until('cy came', () => ada.presence.list().some(({ key }) => key === 'cy'))
    const keys = (told: 'joins' | 'leaves' | 'updates') =>
      changes.flatMap((change) => (change as Record<string, { key: string }[]>)[told]?.map(({ key }) => key))
    equal(keys('updates'), [])
    equal(
      keys('joins').filter((key) => key !== 'bo'),
      ['cy'],
    )
    equal(keys('leaves').includes('ada'), false)
    cy.leave()
  },
}
