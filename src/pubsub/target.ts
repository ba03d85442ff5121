/**
 * Channels of one topic, on all nodes: of every connection, of one, or of those with one connection topic. Where both are
 * given, both have to fit.
 */
export interface ChannelTarget<T extends string = string> {
  readonly topic: T
  readonly connectionId?: string | undefined
  readonly connectionTopic?: string | undefined
}

/** True where few are meant, who are found by their connections; else all of the topic are. */
export function namesConnections({ connectionId, connectionTopic }: ChannelTarget): boolean {
  return connectionId !== undefined || connectionTopic !== undefined
}
