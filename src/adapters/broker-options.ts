import { type Fields, flag, refuseOption, whole } from '../ground/option-checks.ts'

/** The options that all brokers have. */
export interface BrokerGiven {
  /**
   * The beginning of all names at the broker: applications with different ones do not hear each other. 1 to 64
   * of letters, digits and `:._-`. @default 'beryl:'
   */
  readonly prefix?: string | undefined
  /**
   * The broker is waited for so long at the start, in milliseconds. At least a second less than Fastify's `pluginTimeout`.
   * Then the start fails with BERYL_ERR_BROKER. @default 5000
   */
  readonly connectTimeoutMs?: number | undefined
  /** Begin without the broker where it is out of reach: the state is `degraded` until it is there. @default false */
  readonly startDegraded?: boolean | undefined
}

/** {@link BrokerGiven}, checked and filled in. */
export interface BrokerOptions {
  readonly prefix: string
  readonly connectTimeoutMs: number
  readonly startDegraded: boolean
}

export const BROKER_OPTIONS: readonly (keyof BrokerGiven)[] = ['prefix', 'connectTimeoutMs', 'startDegraded']

/** @throws `BERYL_ERR_OPTION_INVALID` */
export function resolveBrokerOptions(call: string, given: Fields, byDefault = 'beryl:'): BrokerOptions {
  const { prefix = byDefault } = given
  if (typeof prefix !== 'string' || !/^[\w:.-]{1,64}$/.test(prefix))
    refuseOption(`${call}.prefix`, '1 to 64 letters, digits and any of :._-', prefix)
  return Object.freeze({
    prefix: prefix as string,
    connectTimeoutMs: whole(`${call}.connectTimeoutMs`, given.connectTimeoutMs, 5_000, 1, 60_000),
    startDegraded: flag(`${call}.startDegraded`, given.startDegraded, false),
  })
}
