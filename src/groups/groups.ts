import type { CommonEvent, CommonPayload } from '../channel/registered.ts'

/**
 * Named sets of topics, the same on every node: `fastify.groups`. Reads are synchronous and local. Concurrent changes
 * merge; an addition wins over a removal that has not seen it. Names of groups and topics are well-formed strings of 1 to
 * 255 bytes; what is none is refused with BERYL_ERR_ARGUMENT.
 */
export interface Groups {
  /** @throws BERYL_ERR_GROUP_EXISTS, BERYL_ERR_ARGUMENT */
  create(name: string): void

  /** Deletes a group with all its topics. @throws BERYL_ERR_GROUP_NOT_FOUND */
  delete(name: string): void

  /**
   * Adds a topic that a channel serves; nothing happens where the group has it.
   *
   * @throws BERYL_ERR_GROUP_NOT_FOUND, BERYL_ERR_TOPIC_UNMATCHED
   */
  add(name: string, topic: string): void

  /** Takes a topic out; nothing happens where the group does not have it. @throws BERYL_ERR_GROUP_NOT_FOUND */
  remove(name: string, topic: string): void

  /** The topics of a group: a copy. @throws BERYL_ERR_GROUP_NOT_FOUND */
  topics(name: string): Set<string>

  /** The names of all groups. */
  list(): string[]

  has(name: string): boolean

  /**
   * Sends an event to every topic of a group; a group that does not exist has none. Where a topic refuses the event, the
   * others get it nevertheless and the first refusal is thrown. To the type checker a group may hold any topic: the event
   * is one that all registered channels declare (`RegisteredChannels`).
   */
  broadcast<E extends CommonEvent>(name: string, event: E, payload: CommonPayload<E>): void
}
