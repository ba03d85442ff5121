import type { RedisClient } from './redis-client.ts'

type Kind = 'CHANNELS' | 'SHARDED'
type Listeners = Parameters<RedisClient['extendPubSubListeners']>[1] extends Map<string, infer L> ? L : never

/**
 * One listener for all channels of a connection. By `subscribe` the client makes two sets of listeners for each channel, more than all else that
 * a topic costs; by `extendPubSubListeners`, with which channels move from one client to another, all channels have the same ones.
 */
export class RedisListening {
  readonly #listeners: Listeners

  constructor(listener: (message: Buffer, channel: Buffer) => void) {
    this.#listeners = { unsubscribing: false, buffers: new Set([listener]), strings: new Set() }
  }

  async subscribe(client: RedisClient, kind: Kind, channels: readonly string[]): Promise<void> {
    // The client would not ask for what it thinks it has: the server may have ended that.
    forget(client, kind, channels)
    try {
      await client.extendPubSubListeners(kind, new Map(channels.map((name) => [name, this.#listeners])))
    } catch (error) {
      forget(client, kind, channels)
      throw error
    }
  }

  async unsubscribe(client: RedisClient, kind: Kind, channels: readonly string[]): Promise<void> {
    // With a listener the client would mark what all channels have.
    const command =
      kind === 'SHARDED' ? client.sUnsubscribe([...channels]) : client.unsubscribe([...channels])
    await command.finally(() => forget(client, kind, channels))
  }
}

function forget(client: RedisClient, kind: Kind, channels: readonly string[]): void {
  const listeners = client.getPubSubListeners(kind)
  for (const channel of channels) listeners.delete(channel)
}
