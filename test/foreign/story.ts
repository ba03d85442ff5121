import assert from 'node:assert/strict'
import type { TestChannel } from 'fastify-beryl/testing'
import { Poller } from '../support/poller.ts'
import { until } from '../support/until.ts'
import type { Behaviour } from './behaviours.ts'
import type { Place } from './places.ts'
import { calmChannel, type Variant, Victim, World } from './world.ts'

/** Long enough for no binary header. */
const LONG_REF = 'r'.repeat(300)

/**
 * One life of an application in which every place is called, and one of them misbehaves. Afterwards all others are as they
 * were, and nothing is left when they have gone.
 */
export async function play(place: Place, behaviour: Behaviour, variant: Variant): Promise<number> {
  const world = await World.make(place, behaviour, variant)
  const witness = await world.connect('witness')
  const calm = await witness.join(calmChannel, 'calm:1')
  world.victim = new Victim(await world.connect('victim'))
  await world.victim.client.join('calm:1')
  const offs = listenAll(world)
  world.arm(true)
  await misbehave(world)
  world.arm(place.isAtTheEnd === true)
  if (behaviour.ends !== 'application') await others(world, behaviour, calm)
  for (const off of offs) off()
  await world.victim.client.close()
  await witness.close()
  await gone(world)
  await over(world)
  return world.played
}

/** One life of an application whose tree crashes until it gives up. */
export async function giveUp(place: Place, behaviour: Behaviour, variant: Variant): Promise<number> {
  const world = await World.make(place, behaviour, variant)
  const witness = await world.connect('witness')
  world.victim = new Victim(await world.connect('victim'))
  world.arm(true)
  const { supervisor } = world.app.channels
  for (let crash = 0; crash < 6; crash++) {
    await quietly(() => supervisor?.exitChild('pubsub', { error: new Error('crash') }))
    await world.settle()
  }
  for (const client of [witness, world.victim.client]) await client.expectClosed(1012)
  await gone(world)
  await over(world)
  assert.notEqual(world.app.channels.status().state, 'running')
  return world.played
}

/** The application closes, whatever its hooks do, and nobody who stays connected holds it up. */
async function over(world: World): Promise<void> {
  const late = await world.connect('late').catch(() => undefined)
  const closing = world.closeApp().catch(() => {})
  // A hook that never ends is Fastify's to wait for.
  if (world.place.name.startsWith('an onClose hook') && world.isEndless)
    await until('the tree has stopped', () => world.app.channels.status().state === 'stopped', 5_000)
  else await closing
  if (late !== undefined) await late.expectClosed()
  const { connections, tree } = world.app.channels.status()
  assert.equal(connections, 0)
  assert.equal(tree?.children.filter(({ state }) => state === 'running').length ?? 0, 0)
}

async function quietly(call: () => unknown): Promise<void> {
  try {
    await call()
  } catch {
    // As it should.
  }
}

type Calm = TestChannel<typeof calmChannel>

function listenAll(world: World): (() => void)[] {
  const { app } = world
  const listener = (place: string) => (): void => world.at(place, () => {})
  return [
    app.channels.onTelemetry('message.received', listener('a listener of telemetry')),
    app.channels.onTelemetry('channel.join', listener('a listener of telemetry about joins')),
    app.channels.onTelemetry('channel.end', listener('a listener of telemetry about ends')),
    app.channels.subscribe('room:1', listener('a listener of a topic')),
    app.presence.onDiff(listener('a listener of presence')),
  ]
}

async function misbehave(world: World): Promise<void> {
  const { victim } = world
  await strangers(world)
  for (const token of ['yes', 'no']) {
    victim.tell('phoenix', 'renew', { token })
    await world.settle()
  }
  for (const topic of ['room:1', 'room:shut', 'room:x']) {
    victim.tell(topic, 'phx_join', {}, topic === 'room:shut' ? LONG_REF : undefined)
    // They wait where the join does.
    for (const event of EVENTS) victim.tell(topic, event, { n: 1 })
    victim.tell(topic, 'ask', { n: 1 }, LONG_REF)
    await world.settle()
    for (const event of EVENTS) victim.tell(topic, event, { n: 2 })
    await world.settle()
  }
  outside(world)
  await world.settle()
  victim.tell('room:1', 'phx_join', {})
  victim.tell('room:1', 'work', {})
  await world.settle()
  outside(world)
  await world.settle()
  victim.tell('room:1', 'crash', {})
  await world.settle()
  victim.tell('room:1', 'phx_join', {})
  victim.tell('room:1', 'work', {})
  victim.tell('room:1', 'phx_leave', {})
  await world.settle()
}

const EVENTS = ['ask', 'wrong', 'encoded', 'refused', 'delayed', 'work']

/** Clients that come while the door misbehaves. */
async function strangers(world: World): Promise<void> {
  if (world.place.name.endsWith('of a poll')) return polls(world)
  const client = await world.connect('stranger').catch(() => undefined)
  await client?.close()
}

/** A client that polls while its door misbehaves: each request is answered in its words. */
async function polls(world: World): Promise<void> {
  const { app } = world
  const poller = new Poller(app, {
    query: 'vsn=2.0.0&user=poller',
    headers: { origin: 'http://localhost' },
  })
  const poll = async (): Promise<number> => (await poller.poll()).status
  const requests = [poll, () => poller.send(['1', '1', 'calm:1', 'phx_join', {}]), poll]
  try {
    for (const request of requests) assert.equal(typeof (await request()), 'number')
    // A frame that is no message ends the session. It has no origin that anybody would be asked about.
    await app.inject({ method: 'POST', url: poller.url, payload: 'no message' })
  } catch (error) {
    // An application that closes is asked nothing more.
    if (world.closing === undefined) throw error
  }
}

/** The application itself, beside its channels: it hears of its own mistakes at once. */
function outside(world: World): void {
  const { app, victim } = world
  const calls: (() => unknown)[] = [
    () => app.channels.status(),
    () => app.channels.broadcast('room:1', 'told', { n: 4 }),
    () => app.channels.info({ topic: 'room:1' }, 'informed', { n: 4 }),
    () => app.channels.info({ topic: 'room:1' }, 'informed', world.infoThatSpeaks()),
    () => app.channels.push(victim.client.id, 'room:1', 'told', { n: 5 }),
    () => world.track('you'),
    () => world.update(),
    () => world.remember(),
    () => world.scrape(),
    () => world.expectations(),
  ]
  for (const call of calls) {
    try {
      call()
    } catch {
      // The caller's.
    }
  }
}

/** The witness, and the other channel of the victim's own connection. */
async function others({ app, victim }: World, behaviour: Behaviour, calm: Calm): Promise<void> {
  app.channels.broadcast('calm:1', 'news', 7)
  await calm.expectPush('news', 7)
  assert.equal(await calm.push('echo', 8).expectReply(), 8)
  if (behaviour.ends === 'connection') return
  assert.equal(
    victim.client.closed,
    undefined,
    `the victim was closed: ${JSON.stringify(victim.client.closed)}`,
  )
  await victim.client.expectMessage({ topic: 'calm:1', event: 'news' })
  await victim.client.heartbeat()
}

const TOPICS = ['room:1', 'room:x', 'room:shut', 'calm:1']

async function gone({ app }: World): Promise<void> {
  const left = (): Record<string, number> => {
    const { connections, channels, topics } = app.channels.status()
    const subscribers = TOPICS.reduce((sum, topic) => sum + app.channels.subscriberCount(topic), 0)
    const presences = TOPICS.reduce((sum, topic) => sum + app.presence.count(topic), 0)
    return { connections, channels, topics, subscribers, presences }
  }
  const isNothing = (): boolean => Object.values(left()).every((count) => count === 0)
  await until(() => `all are gone: ${JSON.stringify(left())}`, isNothing, 1_000)
}
