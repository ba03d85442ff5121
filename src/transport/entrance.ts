import type { Clock } from '../ground/clock.ts'
import type { Deadline } from '../ground/deadline.ts'
import type { UpgradeStatus } from '../ground/refusals.ts'
import type { LimitName } from '../ground/telemetry.ts'
import type { Admission } from '../session/admission.ts'
import type { Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'

/** Why a client is not let in, and what it is told. */
export interface Refusal {
  readonly reason: string
  readonly statusCode: UpgradeStatus
  /** The limit of the options that is reached, where that is the reason. */
  readonly limit?: LimitName
  /** The page's origin and the host that it asked for, or what was wanted and what came, where they are the reason. */
  readonly names?: RefusedNames
  /** The error that `connect` gave to `reject`. It stays on the server. */
  readonly error?: unknown
}

/** For the operator. What came is left out where it may be a secret. */
export interface RefusedNames {
  readonly origin?: string
  readonly host?: string
  readonly wanted: string
  readonly got?: string
}

/** A way in that is open. */
export interface OpenWay {
  /** The clients that came in by it and are connected. */
  readonly connections: number
}

/** The node, as every way in sees it: a transport asks whether it is open, and hands over who was let in. */
export interface Entrance {
  /** Why nobody can be let in now; `undefined` where they can. */
  readonly closedBecause: string | undefined
  readonly clock: Clock
  /** The name of the node, with which the ids of its connections begin. */
  readonly node: string
  makeConnectionId(): string
  open(admission: Admission, wire: Wire): Session
  refused(ip: string, refusal: Refusal): void
  /** Resolves when the clients have been told to go, and are gone. */
  drain(deadline: Deadline): Promise<void>
}
