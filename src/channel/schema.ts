import { isUint8Array } from 'node:util/types'
import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { type BinaryOptions, Binary as makeBinary, type TBinary } from '../contract/binary.ts'
import { show } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import { section, whole } from '../ground/option-checks.ts'
import { whyUncarried } from '../protocol/carried.ts'
import { TOO_DEEP } from '../protocol/message.ts'
import { guardChecks } from './checks.ts'
import { isSoonExplained } from './schema-visits.ts'
import { isOpen } from './schema-walk.ts'

/**
 * As that of `fastify-beryl/contract`.
 *
 * @throws `BERYL_ERR_OPTION_INVALID`
 */
export function Binary(options: BinaryOptions = {}): TBinary {
  const { maxBytes } = section('options of Binary', options, ['maxBytes'])
  whole('maxBytes', maxBytes, Number.POSITIVE_INFINITY, 1)
  return makeBinary(options)
}

/** One reason why a payload was refused: where (a JSON pointer, `''` for the whole) and what. */
export interface PayloadIssue {
  readonly path: string
  readonly message: string
}

/** An answer lists so many issues at the most: a hostile payload may have thousands. */
const MAX_ISSUES = 10

/** Why a payload does not fit. */
export interface Misfit {
  readonly issues: readonly PayloadIssue[]
  /** The throw of a check of the application's own: it says no like one that gives `false`, and the operator is to know. */
  readonly thrown?: { readonly error: unknown }
}

/**
 * The boundary between `unknown` and typed: a schema compiled once. Nothing is coerced, defaulted or removed; a value
 * fits or it does not.
 */
export class PayloadSchema {
  /** As the application gave it, or a copy. */
  readonly source: TSchema
  readonly #validator: Validator
  readonly #bytesFit: boolean
  readonly #isOpen: boolean
  readonly #declaresBytes: boolean

  constructor(schema: TSchema) {
    this.source = guardChecks(schema)
    this.#validator = Compile(this.source)
    this.#bytesFit = fitsBytes(schema)
    this.#isOpen = isOpen(schema)
    this.#declaresBytes = declaresBytes(schema)
  }

  /** Why a value does not fit; `undefined` where it does. Never throws: checks are code of the application. */
  misfit(value: unknown): Misfit | undefined {
    if (value === TOO_DEEP) return DEEP
    if (isUint8Array(value) && !this.#bytesFit) return BYTES
    try {
      return this.#validator.Check(value) ? undefined : { issues: this.#issues(value) }
    } catch (error) {
      return { issues: [FAILED], thrown: { error } }
    }
  }

  /** True where a whole payload may be bytes, and is declared to be: a schema that takes anything does not say so. */
  get takesBytes(): boolean {
    return this.#declaresBytes
  }

  /** Why what fits cannot be sent all the same; `undefined` where it can. */
  whyUncarried(value: unknown): string | undefined {
    return this.#isOpen ? whyUncarried(value) : undefined
  }

  #issues(value: unknown): readonly PayloadIssue[] {
    if (!isSoonExplained(this.source, value)) return UNEXPLAINED
    return this.#validator
      .Errors(value)
      .slice(0, MAX_ISSUES)
      .map(({ instancePath, message }) => ({ path: instancePath, message: issueText(message) }))
  }
}

/** Why a payload is refused; `undefined` where it is not. Where no schema is declared, all that can be handled is taken. */
export function refusedBecause(schema: PayloadSchema | undefined, value: unknown): Misfit | undefined {
  if (schema === undefined) return value === TOO_DEEP ? DEEP : undefined
  return schema.misfit(value)
}

const DEEP: Misfit = { issues: [{ path: '', message: 'must not be nested so deeply' }] }
const BYTES: Misfit = { issues: [{ path: '', message: 'must be JSON, not binary' }] }
const UNEXPLAINED: readonly PayloadIssue[] = [
  { path: '', message: 'must fit its schema: it is too large for a search for the part that does not' },
]
const FAILED: PayloadIssue = { path: '', message: 'must pass its check' }

/** The message of a check is the application's, and may be anything. */
function issueText(message: unknown): string {
  if (typeof message === 'string') return message
  promised(message)?.catch(() => {})
  return show(message)
}

/** The issues on one line, for the messages of errors. A string may be a secret, and is not shown. */
export function showIssues(issues: readonly PayloadIssue[], payload: unknown): string {
  return issues
    .map(({ path, message }) => `${path} ${message}, got ${showKind(valueAt(payload, path))}`.trimStart())
    .join('; ')
}

function showKind(value: unknown): string {
  return typeof value === 'string' ? 'a string' : show(value)
}

/** The value at a JSON pointer. A payload is the application's: to read it may throw. */
function valueAt(payload: unknown, path: string): unknown {
  try {
    return path
      .split('/')
      .slice(1)
      .reduce(
        (value: unknown, key) => Object(value)[key.replaceAll('~1', '/').replaceAll('~0', '~')],
        payload,
      )
  } catch {
    return undefined
  }
}

/** A validator of an object would look at a Buffer's properties: only schemas that speak of bytes may see any. */
function fitsBytes(schema: TSchema): boolean {
  const kind: { '~binary'?: true; '~kind'?: string; anyOf?: TSchema[] } = schema
  if (kind['~binary'] === true || kind['~kind'] === 'Any' || kind['~kind'] === 'Unknown') return true
  return kind.anyOf?.some(fitsBytes) ?? false
}

function declaresBytes(schema: TSchema): boolean {
  const kind: { '~binary'?: true; anyOf?: TSchema[] } = schema
  return kind['~binary'] === true || (kind.anyOf?.some(declaresBytes) ?? false)
}

/** The type of a payload that comes in. */
export type PayloadIn<S extends TSchema> = S extends TBinary ? Buffer : Static<S>
