import type { FastifyInstance } from 'fastify'
import { Dice } from '../fuzz/dice.ts'
import { HALL, HOSTILE_TOPICS, LIMITS } from './application.ts'
import { isJoined } from './ledger.ts'
import type { Move } from './move.ts'
import { kindOf } from './moves.ts'
import type { NodeSeat } from './node-seat.ts'
import type { Stage } from './stage.ts'
import { Trace } from './trace.ts'
import { uncaughtErrors } from './uncaught.ts'
import { Findings } from './violation.ts'
import { World } from './world.ts'

export interface RoundOptions {
  readonly seed: number
  readonly moves: readonly Move[]
  readonly stage: Stage
  readonly write?: ((line: string) => void) | undefined
}

export interface RoundReport {
  /** The faults that were found; none where all is well. */
  readonly findings: readonly string[]
  readonly digest: string
  readonly counts: ReadonlyMap<string, number>
  /** The words of control clients, and the times that they were heard. */
  readonly said: number
  readonly delivered: number
  readonly tookMs: number
}

/** Plays one round: moves, then calm, then nobody. What must hold in each is looked at in each. */
export async function playRound({ seed, moves, stage, write }: RoundOptions): Promise<RoundReport> {
  const findings = new Findings()
  const counts = new Map<string, number>()
  const trace = new Trace(write)
  const world = new World({ stage, seed, trace, findings, counts })
  const startedAt = stage.clock.now()
  const uncaught = uncaughtErrors()
  try {
    await world.begin()
    for (const move of moves) await play(world, move)
    await calm(world)
    await everybodyGoes(world)
    await nothingIsLeft(world)
    await close(world)
  } catch (error) {
    findings.add(`the harness stumbles: ${error instanceof Error ? error.stack : error}`)
  }
  for (const error of uncaught.take()) findings.add(`uncaught: ${error}`)
  for (const finding of findings.list) world.note('judge', finding)
  return {
    findings: findings.list,
    digest: trace.digest(),
    counts,
    said: world.ledger.count,
    delivered: world.ledger.delivered,
    tookMs: stage.clock.now() - startedAt,
  }
}

async function play(world: World, move: Move): Promise<void> {
  await world.advance(move.afterMs)
  world.tick()
  world.count(`move: ${move.kind}`)
  world.note('move', `${move.kind} ${move.seed}`)
  await kindOf(move).play(world, new Dice(move.seed))
  for (const node of world.nodes) nothingGrows(world, node)
}

/** Whatever a client can make grow has a bound, at every moment. */
function nothingGrows(world: World, { app }: NodeSeat): void {
  if (app === undefined) return
  const { longestMailbox, pendingCallbacks } = app.channels.load()
  const { connections } = app.channels.status()
  // Messages, what the server has, and timers have a bound each, and a leave is never refused.
  if (longestMailbox > 2 * LIMITS.mailbox + LIMITS.timers + 1)
    world.findings.add('more waits for a channel than limits.mailbox')
  // One turn of each channel may begin before the reading stops.
  if (pendingCallbacks > connections * (LIMITS.pendingHandlers + LIMITS.channelsPerConnection))
    world.findings.add('more is at work than limits.pendingHandlers')
}

/** All is well again: everybody is served, and all nodes agree. */
async function calm(world: World): Promise<void> {
  world.note('round', 'calm')
  world.links.heal()
  for (const node of world.nodes) node.adapter?.heal()
  world.endListeners()
  await world.startNodes()
  for (let beat = 0; beat < 5; beat++) {
    for (const client of world.hostiles) client.heartbeat()
    await world.advance(25_000)
    // A tree may give up for what was done to it just before.
    await world.startNodes()
  }
  world.ledger.settle(false)
  for (const client of world.hostiles) client.judge()
}

/** The hostile clients go, each in its way; those that stay must be whole. */
async function everybodyGoes(world: World): Promise<void> {
  world.note('round', 'the hostile clients go')
  for (const [n, client] of world.hostiles.entries())
    client.go((['close', 'drop', 'half'] as const)[n % 3] ?? 'drop')
  await world.advance(90_000)
  for (const control of world.controls)
    if (!isJoined(control)) world.findings.add('a control client is not served, in calm')
  world.tick()
  await world.advance(15_000)
  world.ledger.settle(true)
  for (const { app } of world.nodes) {
    const here = Object.keys(app?.presence.list(HALL) ?? {})
      .sort()
      .join()
    const wanted = world.controls
      .map(({ name }) => name)
      .sort()
      .join()
    if (here !== wanted) world.findings.add(`presence shows ${here}, in calm`)
  }
  const groups = world.nodes.map(({ app }) => groupsOf(app))
  if (new Set(groups).size > 1) world.findings.add(`the nodes do not agree on groups: ${groups.join(' | ')}`)
}

function groupsOf(app: FastifyInstance | undefined): string {
  const names = (app?.groups.list() ?? []).sort((a, b) => (String(a) < String(b) ? -1 : 1))
  return names
    .map((name) => `${String(name)}: ${[...(app?.groups.topics(name) ?? [])].sort().join()}`)
    .join('; ')
}

/** Nobody is left, so nothing may be. */
async function nothingIsLeft(world: World): Promise<void> {
  world.note('round', 'the control clients go')
  for (const control of world.controls) control.leave()
  await world.advance(70_000)
  for (const node of world.nodes) leftOn(world, node)
  const topics = world.network.topics().filter((topic) => topic.startsWith('topic:'))
  if (topics.length > 0) world.findings.add(`the broker still has ${topics.join()}`)
  for (const node of world.nodes) await isOpenToAll(world, node)
}

function leftOn(world: World, { app, clock, idleTimers }: NodeSeat): void {
  if (app === undefined) return world.findings.add('a node is not up, in calm')
  const { connections, channels, topics, state } = app.channels.status()
  const left: Record<string, number> = { connections, channels, topics, ...app.channels.load() }
  for (const topic of HOSTILE_TOPICS) {
    left[`subscribers of ${topic}`] = app.channels.subscriberCount(topic)
    left[`presences of ${topic}`] = app.presence.count(topic)
  }
  left.timers = Math.max(0, clock.pending - idleTimers)
  for (const [what, count] of Object.entries(left))
    if (count !== 0) world.findings.add(`${what} left when all are gone: ${count}`)
  if (state !== 'running') world.findings.add(`a node is ${state}, in calm`)
}

/** A node that was attacked takes in a new client, and serves it. */
async function isOpenToAll(world: World, { index }: NodeSeat): Promise<void> {
  const client = await world.visitor(index)
  client.join('hostile:1', {})
  await world.advance(2_000)
  if (client.heard.get('reply ok') !== 1) world.findings.add('a node does not serve a new client, in calm')
  client.go('close')
}

async function close(world: World): Promise<void> {
  for (const node of world.nodes) {
    await node.stop()
    if (node.clock.pending !== 0) world.findings.add('a timer is left after close')
  }
  // Acts and clients wait for more.
  await world.advance(100_000)
  for (const leftover of await world.stage.leftovers()) world.findings.add(`left after close: ${leftover}`)
}
