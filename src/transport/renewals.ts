import type { Connection, RenewContext } from '../channel/connection.ts'
import { Rejection } from '../channel/result.ts'
import type { Clock } from '../ground/clock.ts'
import { settled } from '../ground/foreign.ts'
import { patience } from '../ground/watch.ts'
import type { Renew, Renewal } from '../session/admission.ts'
import { grantOf, topicOf, unreturned } from './granted.ts'

/** The callbacks of the application that decide over a renewal, and the time that they have. */
export interface RenewalOptions {
  readonly renew: ((context: RenewContext) => unknown) | undefined
  readonly connectionTopic: ((connection: Connection) => string | undefined) | undefined
  readonly limits: { readonly handshakeTimeoutMs: number }
}

/** The way in which a door decides over new tokens; `undefined` where the application renews none. */
export function renewalsOf(
  { renew, connectionTopic, limits }: RenewalOptions,
  clock: Clock,
): Renew | undefined {
  if (renew === undefined) return undefined

  const decide = (granted: unknown, connection: Connection, topic: string | undefined): Renewal => {
    if (granted === TIMED_OUT) return { outcome: 'timeout' }
    if (granted instanceof Rejection) return { outcome: 'rejected', error: granted.error }
    const { assigns = connection.assigns, expiresAt } = grantOf('renew', granted)
    if (expiresAt !== undefined && expiresAt <= clock.date()) return { outcome: 'expired' }
    const renewed: Connection = Object.freeze({ ...connection, assigns })
    if (topicOf('renew', connectionTopic?.(renewed)) !== topic) return { outcome: 'other_identity' }
    return { outcome: 'ok', connection: renewed, expiresAt }
  }

  return async (token, connection, topic) => {
    try {
      const work = settled(renew({ token, connection }))
      return decide(await withinTime(clock, limits.handshakeTimeoutMs, work), connection, topic)
    } catch (thrown) {
      return { outcome: 'crashed', error: unreturned('renew', thrown) }
    }
  }
}

const TIMED_OUT = Symbol('too slow')

/** The result of `work`; `TIMED_OUT` where it takes longer than `ms`. What it gives then is dropped. */
async function withinTime(clock: Clock, ms: number, work: Promise<unknown>): Promise<unknown> {
  if (!Number.isFinite(ms)) return work
  return new Promise((resolve, reject) => {
    const timer = patience(clock, ms, () => resolve(TIMED_OUT))
    work.then(resolve, reject).finally(() => timer.cancel())
  })
}
