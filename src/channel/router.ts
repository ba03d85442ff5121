import { berylError, show } from '../ground/errors.ts'
import { PHOENIX_TOPIC } from '../protocol/topic.ts'
import { type CompiledChannel, compiledChannel } from './definition.ts'
import type { ChannelDefinition } from './infer.ts'

/** Which channel a topic belongs to. Configuration, not state: it outlives every restart of the tree. */
export class Router {
  readonly #exact = new Map<string, CompiledChannel>()
  /** Longest prefix first, so that the first match is the most specific. */
  readonly #prefixes: CompiledChannel[] = []
  readonly #hasPresence: boolean
  readonly #adapter: { readonly name: string; readonly hasLog: boolean }

  /**
   * @param hasPresence false where no channel may declare one, for it would be silent
   * @param adapter has no log where no channel may declare a history
   */
  constructor(hasPresence = true, adapter = { name: 'local', hasLog: true }) {
    this.#hasPresence = hasPresence
    this.#adapter = adapter
  }

  /**
   * @throws `BERYL_ERR_CHANNEL_INVALID` for what `defineChannel` did not make, and for a presence that nobody would keep.
   * @throws `BERYL_ERR_CHANNEL_DUPLICATE` for a pattern that is registered already.
   */
  register(definition: ChannelDefinition): void {
    const channel = compiledChannel(definition)
    if (channel === undefined) {
      throw berylError(
        'BERYL_ERR_CHANNEL_INVALID',
        '?',
        'definition',
        'what defineChannel(…) returns',
        show(definition),
      )
    }
    const { pattern } = channel
    if (channel.presence !== undefined && !this.#hasPresence)
      throw berylError(
        'BERYL_ERR_CHANNEL_INVALID',
        pattern.source,
        'schema.presence',
        NO_PRESENCE,
        'a schema',
      )
    if (channel.history !== undefined && !this.#adapter.hasLog)
      throw berylError('BERYL_ERR_HISTORY_UNSUPPORTED', pattern.source, this.#adapter.name)
    if (this.#has(channel)) throw berylError('BERYL_ERR_CHANNEL_DUPLICATE', pattern.source)
    if (!pattern.wildcard) {
      this.#exact.set(pattern.prefix, channel)
      return
    }
    this.#prefixes.push(channel)
    this.#prefixes.sort((a, b) => b.pattern.prefix.length - a.pattern.prefix.length)
  }

  /** All that are registered, in no order that means anything. */
  get channels(): readonly CompiledChannel[] {
    return [...this.#exact.values(), ...this.#prefixes]
  }

  /** The most specific channel for a topic: an exact pattern before the longest prefix, whatever came first. */
  match(topic: string): CompiledChannel | undefined {
    if (topic === PHOENIX_TOPIC) return undefined
    const exact = this.#exact.get(topic)
    if (exact !== undefined) return exact
    for (const channel of this.#prefixes) if (topic.startsWith(channel.pattern.prefix)) return channel
    return undefined
  }

  #has({ pattern }: CompiledChannel): boolean {
    if (!pattern.wildcard) return this.#exact.has(pattern.prefix)
    return this.#prefixes.some((other) => other.pattern.prefix === pattern.prefix)
  }
}

const NO_PRESENCE = "nothing while the option 'presence' is false: leave it out, or switch presence on"
