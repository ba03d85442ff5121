import { berylError } from '../ground/errors.ts'
import { describe } from './exit-reason.ts'

/** A start that did not succeed, for whatever reason. */
export class StartFailure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** The error for the one who asked for a start that failed: one level of `cause` for each supervisor in between. */
export function startFailed(path: string, { error }: StartFailure): Error {
  return berylError('BERYL_ERR_START_FAILED', path, describe(error), { cause: error })
}

/** `undefined`: it runs, or there was nothing to run. */
export type StartOutcome = StartFailure | undefined
