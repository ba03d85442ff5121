import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Actor,
  type ExitReason,
  monitor,
  type Process,
  type Supervisor,
  startSupervisor,
  worker,
} from 'fastify-beryl/supervision'
import { until } from '../support/until.ts'
import type { Behaviour } from './behaviours.ts'
import type { Place } from './places.ts'

const of = (...names: readonly string[]): readonly Place[] =>
  names.map((name) => ({ name, notFor: ['a client'] }))

/** The places of `fastify-beryl/supervision`. */
export const supervisedPlaces: readonly Place[] = [
  // Its handle is handed on as it is.
  { name: 'handle of a process', notFor: ['a client'], losesPromises: true },
  ...of(
    'start of a child',
    'exited of a process',
    'inspect of a process',
    'shutdown of a process',
    'kill of a process',
    'function of a worker',
    'init of an actor',
    'method of an actor',
    'terminate of an actor',
    'listener of context.on',
    'timer of a context',
    'work of context.spawn',
    'listener of the signal of a worker',
    'monitor of an actor',
    'listener of report',
  ),
]

/** A place that is called again for each restart misbehaves so often. */
const MAX_PLAYED = 3

class Stage {
  readonly place: string
  readonly behaviour: Behaviour
  played = 0
  isArmed = false
  readonly emitter = new EventEmitter()

  constructor(place: string, behaviour: Behaviour) {
    this.place = place
    this.behaviour = behaviour
  }

  at<T>(place: string, normal: () => T): T {
    if (place !== this.place || !this.isArmed || this.played >= MAX_PLAYED) return normal()
    this.played++
    return this.behaviour.play(undefined as never, normal) as T
  }
}

function processOf(stage: Stage): Process {
  let end: (reason: ExitReason) => void = () => {}
  const exited = new Promise<ExitReason>((resolve) => {
    end = resolve
  })
  const isStubborn = stage.place === 'kill of a process'
  return {
    get exited() {
      return stage.at('exited of a process', () => exited)
    },
    get handle() {
      return stage.at('handle of a process', () => ({}))
    },
    inspect: () => stage.at('inspect of a process', () => ({})),
    shutdown: (reason) => stage.at('shutdown of a process', () => isStubborn || end(reason)) as undefined,
    kill: () => stage.at('kill of a process', () => end('killed')),
  }
}

function childrenOf(stage: Stage) {
  class Calm extends Actor {
    echo(n: number): number {
      return n
    }
  }
  class Wild extends Actor {
    override init(): void {
      const { on, setTimeout } = this.context
      on(stage.emitter, 'event', () => stage.at('listener of context.on', () => {}))
      setTimeout(() => stage.at('timer of a context', () => {}), 2)
      return stage.at('init of an actor', () => {})
    }
    act(): unknown {
      return stage.at('method of an actor', () => 1)
    }
    override terminate(): void {
      return stage.at('terminate of an actor', () => {})
    }
  }
  const policy = { shutdownMs: 10, startTimeoutMs: 10 }
  return [
    Calm.spec({ args: [], id: 'calm' }),
    { id: 'own', start: () => stage.at('start of a child', () => processOf(stage)), ...policy },
    Wild.spec({ args: [], id: 'wild', ...policy, callTimeoutMs: 10 }),
    worker(
      'work',
      ({ signal, spawn, stopped }) => {
        signal.addEventListener('abort', () => stage.at('listener of the signal of a worker', () => {}))
        spawn(() => stage.at('work of context.spawn', () => Promise.resolve()))
        // Given to the library as it is: JavaScript's own `await` would drop what a `then` gives.
        return stage.at<unknown>('function of a worker', stopped) as Promise<void>
      },
      policy,
    ),
  ] as const
}

let stages = 0

/** One life of a tree in which one place misbehaves. Afterwards all of it runs, and ends when it is asked to. */
export async function supervise(place: string, behaviour: Behaviour): Promise<number> {
  const stage = new Stage(place, behaviour)
  const tree = await startSupervisor({
    name: `stage-${++stages}`,
    intensity: 1_000,
    report: () => stage.at('listener of report', () => {}),
    children: childrenOf(stage),
  })
  stage.isArmed = true
  await misbehave(stage, tree as Supervisor)
  stage.isArmed = place === 'terminate of an actor' || place.endsWith('of a process')
  const calm = tree.which('calm') as { echo(n: number): Promise<number> }
  assert.equal(await calm.echo(7), 7)
  const isUp = (): boolean =>
    tree.children().every(({ id, state }) => state === 'running' || (id !== 'calm' && state === 'stopped'))
  if (!stage.isArmed) await until(() => `all run: ${JSON.stringify(tree.children())}`, isUp, 5_000)
  tree.shutdown('shutdown')
  await tree.exited
  return stage.played
}

async function misbehave(stage: Stage, tree: Supervisor): Promise<void> {
  const wild = (): { act(): Promise<unknown> } | undefined => tree.which('wild') as never
  tree.inspect()
  void tree.which('own')
  await quietly(() => wild()?.act())
  stage.emitter.emit('event')
  const ref = wild()
  if (ref !== undefined) monitor(ref as never, () => stage.at('monitor of an actor', () => {}))
  for (const id of ['own', 'wild', 'work']) await quietly(() => tree.exitChild(id, 'killed'))
  await sleep(5)
  await quietly(() => wild()?.act())
  await quietly(() => tree.terminateChild('wild'))
  await quietly(() => tree.restartChild('wild'))
  await quietly(() => tree.terminateChild('own'))
  await quietly(() => tree.restartChild('own'))
  await quietly(() => tree.terminateChild('work'))
  await quietly(() => tree.restartChild('work'))
  await sleep(5)
}

/** An error that the tree throws at its caller is the caller's. */
async function quietly(call: () => unknown): Promise<void> {
  try {
    await call()
  } catch {
    // As it should.
  }
}
