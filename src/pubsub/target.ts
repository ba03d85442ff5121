/**
 * Channels of one topic, on all nodes: of every connection, of one, or of those with one connection topic. Where both are
 * given, both have to fit.
 */
export interface ChannelTarget<T extends string = string> {
  readonly topic: T
  readonly connectionId?: string | undefined
  readonly connectionTopic?: string | undefined
}

interface Addressee {
  readonly connectionId: string
  readonly connectionTopic: string | undefined
}

/** True where a channel of the target's topic is meant. */
export function isMeant({ connectionId, connectionTopic }: ChannelTarget, channel: Addressee): boolean {
  if (connectionId !== undefined && connectionId !== channel.connectionId) return false
  return connectionTopic === undefined || connectionTopic === channel.connectionTopic
}
