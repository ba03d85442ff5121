import type { ChannelOwner } from '../channel/outlet.ts'
import type { MetaChangeOn, MetaOn, TrackedOn } from '../channel/registered.ts'
import type { PresenceDiff, PresenceEntry, Presences } from './diff.ts'
import type { PresenceRefs } from './row.ts'

/**
 * Presence on topics, on all nodes: `fastify.presence`. Reads are synchronous, from this node's memory. What cannot be a
 * topic, a key or an owner is refused. Metas are typed by the channel that is registered for the topic
 * (`RegisteredChannels`) where it declares a presence; elsewhere they are any objects.
 */
export interface Presence {
  /**
   * Says that `key` is on `topic`, until it is untracked or its owner ends.
   *
   * @param key at most 255 bytes; a number becomes a string
   * @param meta a JSON object of at most 4 KiB as text
   * @returns the `phx_ref` of this presence
   * @throws BERYL_ERR_PRESENCE_TRACKED where this owner tracks the key on this topic already;
   *   BERYL_ERR_PRESENCE_OWNER_ENDED; BERYL_ERR_PRESENCE_INVALID; BERYL_ERR_PRESENCE_LIMIT
   */
  track<T extends string>(
    topic: T,
    key: string | number,
    meta: MetaOn<T>,
    options: { readonly owner: PresenceOwner },
  ): string

  /**
   * Replaces what is said of a presence, in one diff: the key never disappears.
   *
   * Above `presence.limits.changesPerSecond` it waits, and only the newest of a key goes out, as soon as it may: a cursor may
   * move as often as it likes. `list` and the clients see it when it goes out; the function is given what was said last.
   *
   * @param meta the new meta, or a function that makes it from the current one, at once: no promise
   * @returns the `phx_ref` under which it goes out
   * @throws BERYL_ERR_PRESENCE_NOT_TRACKED where this owner does not track the key on this topic; otherwise as `track`
   */
  update<T extends string>(
    topic: T,
    key: string | number,
    meta: MetaChangeOn<T>,
    options: { readonly owner: PresenceOwner },
  ): string

  /** Ends a presence. Does nothing where this owner does not track the key on this topic. */
  untrack(topic: string, key: string | number, owner: PresenceOwner): void

  /** Ends all presences of an owner. */
  untrackAll(owner: PresenceOwner): void

  /** Everybody on a topic, on every node; with a `limit`, the keys that came first. Synchronous, from memory. */
  list<T extends string>(topic: T, options?: ListOptions): Presences<PresenceMetaOn<T>>

  /** One key of a topic; `undefined` where it is not there. */
  get<T extends string>(topic: T, key: string | number): PresenceEntry<PresenceMetaOn<T>> | undefined

  /** The number of keys on a topic, on every node. O(1). */
  count(topic: string): number

  /**
   * Calls `listener` with every change, at the end of the turn of the event loop in which it happened. What it throws,
   * or rejects with, is reported and harms nobody.
   *
   * @returns a function that ends it
   */
  onDiff(listener: DiffListener): () => void
}

export interface ListOptions {
  /** As many keys at the most, the oldest. @default all */
  readonly limit?: number | undefined
}

/** The meta of a presence on a topic, with what the protocol adds to it. */
export type PresenceMetaOn<T extends string> = PresenceRefs & TrackedOn<T>

/** The description of a presence: a JSON object, without the names `phx_ref` and `phx_ref_prev`. */
export type Meta = object

/** The owner of a presence: with its end the presence ends. */
export type PresenceOwner = AbortSignal | ChannelOwner

/** Takes the changes of one topic, of this node and of the others, in their order. */
export type DiffListener = (topic: string, diff: PresenceDiff) => void
