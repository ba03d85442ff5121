import assert from 'node:assert/strict'
import type { TestChannel } from 'fastify-beryl/testing'
import { until } from '../support/until.ts'
import type { Behaviour } from './behaviours.ts'
import { calmChannel, type Variant, Victim, World } from './world.ts'

/** Long enough for no binary header. */
const LONG_REF = 'r'.repeat(300)

/**
 * One life of an application in which every place is called, and one of them misbehaves. Afterwards all others are as they
 * were, and nothing is left when they have gone.
 */
export async function play(place: string, behaviour: Behaviour, variant: Variant): Promise<number> {
  const world = await World.make(place, behaviour, variant)
  const witness = await world.connect('witness')
  const calm = await witness.join(calmChannel, 'calm:1')
  world.victim = new Victim(await world.connect('victim'))
  await world.victim.client.join('calm:1')
  const offs = listenAll(world)
  world.arm(true)
  await misbehave(world)
  world.arm(place === 'adapter.stop')
  if (behaviour.ends !== 'application') await others(world, behaviour, calm)
  for (const off of offs) off()
  await world.victim.client.close()
  await witness.close()
  await gone(world)
  await world.closeApp()
  return world.played
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
  const client = await world.connect('stranger').catch(() => undefined)
  await client?.close()
}

/** What the application itself does beside its channels: it hears of its own mistakes at once. */
function outside(world: World): void {
  const { app, victim } = world
  const calls: (() => unknown)[] = [
    () => app.channels.status(),
    () => app.channels.broadcast('room:1', 'told', { n: 4 }),
    () => app.channels.push(victim.client.id, 'room:1', 'told', { n: 5 }),
    () => world.track('you'),
    () => world.update(),
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
