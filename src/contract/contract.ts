import type { ChannelSchema, CheckSchema } from './schema.ts'
import type { CheckPattern } from './topic.ts'

/** The agreement of a server and its clients: all that may be said on the topics of a pattern. */
export interface Contract<P extends string = string, S extends ChannelSchema = ChannelSchema> {
  readonly pattern: P
  readonly schema: S
}

/**
 * The contract of a channel, for a module that server and clients share: it brings typebox with it, and nothing else.
 * `defineChannel(contract, { join, … })` makes the channel, `createClient<[typeof contract]>(…)` the client.
 *
 * @param pattern An exact topic (`"lobby"`) or a prefix with a trailing `*` (`"room:*"`, `"*"`).
 * @param schema `join`, `in`, `out`, `info` and `presence`, each optional. `defineChannel` checks it.
 */
export function contract<const P extends string, const S extends ChannelSchema>(
  pattern: P extends CheckPattern<P> ? P : CheckPattern<P>,
  schema: S & CheckSchema<S>,
): Contract<P, S> {
  return Object.freeze({ pattern: pattern as P, schema })
}
