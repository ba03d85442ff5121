import { randomBytes } from 'node:crypto'
import { checkName } from '../ground/argument.ts'
import { type Clock, systemClock } from '../ground/clock.ts'
import { berylError, show } from '../ground/errors.ts'
import type { Lane } from '../replication/lane.ts'
import { GroupGossip, type GroupsEvent } from './gossip.ts'
import { GroupSet } from './group-set.ts'
import type { Groups } from './groups.ts'

export interface GroupsInit {
  /** Opens the lane to the other nodes; called at each start of the process. */
  readonly lane: () => Lane
  /** True for topics that a registered channel matches. Default: all. */
  readonly isServed?: (topic: string) => boolean
  /** Sends to all subscribers of one topic, on every node. */
  readonly broadcast: (topic: string, event: string, payload: unknown) => void
  /** Throws where nobody can be sent to: the node has not started, or has ended. Default: there is always somebody. */
  readonly checkSending?: () => void
  /** Throws where the node has ended: nobody would ever be told of a change. Default: it never ends. */
  readonly checkOpen?: () => void
  readonly report?: (event: GroupsEvent) => void
  readonly clock?: Clock
  /** The period in which nodes compare their groups, in milliseconds. @default 1500 */
  readonly periodMs?: number
}

/**
 * The groups as this node knows them. It outlives the process that talks to the other nodes: all methods work while that
 * process is restarted, and no group is lost.
 */
export class GroupRegister implements Groups {
  readonly #init: GroupsInit
  readonly #set = new GroupSet(() => randomBytes(9).toString('base64url'))
  #gossip: GroupGossip | undefined

  constructor(init: GroupsInit) {
    this.#init = init
  }

  create(name: string): void {
    checkName('groups.create', 'name', name)
    this.#init.checkOpen?.()
    if (this.#set.has(name)) throw berylError('BERYL_ERR_GROUP_EXISTS', name)
    this.#set.add(name)
    this.#changed()
  }

  delete(name: string): void {
    this.#check('delete', name)
    this.#init.checkOpen?.()
    this.#set.delete(name)
    this.#changed()
  }

  add(name: string, topic: string): void {
    this.#check('add', name)
    this.#init.checkOpen?.()
    checkName('groups.add', 'topic', topic)
    if (this.#init.isServed?.(topic) === false) throw berylError('BERYL_ERR_TOPIC_UNMATCHED', show(topic))
    if (this.#set.hasTopic(name, topic)) return
    this.#set.add(name, topic)
    this.#changed()
  }

  remove(name: string, topic: string): void {
    this.#check('remove', name)
    this.#init.checkOpen?.()
    checkName('groups.remove', 'topic', topic)
    if (!this.#set.hasTopic(name, topic)) return
    this.#set.remove(name, topic)
    this.#changed()
  }

  topics(name: string): Set<string> {
    this.#check('topics', name)
    return new Set(this.#set.topics(name))
  }

  list(): string[] {
    return this.#set.names()
  }

  has(name: string): boolean {
    checkName('groups.has', 'name', name)
    return this.#set.has(name)
  }

  broadcast(name: string, event: string, payload: unknown): void {
    checkName('groups.broadcast', 'name', name)
    checkName('groups.broadcast', 'event', event)
    this.#init.checkSending?.()
    const refusals: unknown[] = []
    for (const topic of [...(this.#set.topics(name) ?? [])]) {
      try {
        this.#init.broadcast(topic, event, payload)
      } catch (error) {
        refusals.push(error)
      }
    }
    if (refusals.length > 0) throw refusals[0]
  }

  /** Starts the process that talks to the other nodes: the `start` of a permanent child spec. */
  start(): GroupGossip {
    this.#gossip?.kill()
    this.#gossip = new GroupGossip({
      lane: this.#init.lane(),
      clock: this.#init.clock ?? systemClock,
      groups: this.#set,
      report: this.#init.report ?? (() => {}),
      periodMs: this.#init.periodMs ?? 1_500,
    })
    return this.#gossip
  }

  #changed(): void {
    if (this.#gossip === undefined) this.#set.takeChanges()
    else this.#gossip.changed()
  }

  #check(call: string, name: string): void {
    checkName(`groups.${call}`, 'name', name)
    if (!this.#set.has(name)) throw berylError('BERYL_ERR_GROUP_NOT_FOUND', name)
  }
}
