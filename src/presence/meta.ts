import { berylError, show } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import { isTooDeep, MAX_DEPTH } from '../protocol/json.ts'

/** A meta as it was said, once: code of the application (`toJSON`, getters) runs here, and nothing of it is kept. */
export interface SaidMeta {
  readonly json: string
  /** The value of the text: made by `JSON.parse` alone. */
  readonly value: object
}

/** @throws BERYL_ERR_PRESENCE_INVALID for what is no JSON object, or takes a name that the protocol reserves */
export function takeMeta(topic: string, key: string, given: unknown): SaidMeta {
  const refuse = (wanted: string, got: unknown): never => refusePresence(key, topic, 'meta', wanted, got)
  const promise = promised(given)
  if (promise !== undefined) {
    promise.catch(() => {})
    throw berylError(
      'BERYL_ERR_PRESENCE_INVALID',
      key,
      topic,
      'meta',
      `${WANTED}: await it before`,
      'a promise',
    )
  }
  if (typeof given !== 'object' || given === null) return refuse(WANTED, given)
  const json = stringify(topic, key, given)
  if (json === undefined || !json.startsWith('{')) return refuse(WANTED, given)
  if (json === '{}' && !isPlain(given)) return refuse(`${WANTED}: as JSON this one says nothing`, given)
  if (isTooDeep(json)) return refuse(`${WANTED}, nested at most ${MAX_DEPTH} levels`, given)
  const value: object = JSON.parse(json)
  for (const name of ['phx_ref', 'phx_ref_prev'])
    if (Object.hasOwn(value, name)) return refuse(`no field '${name}', which is reserved`, name)
  return { json, value }
}

const WANTED = 'a JSON object'

/** A Map, a Set or an instance with private fields alone is `{}` as JSON, which would wipe what was said before. */
function isPlain(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given)
  // The plain objects of another realm (`node:vm`) have an `Object.prototype` of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null || 'toJSON' in given
}

function stringify(topic: string, key: string, meta: object): string | undefined {
  try {
    return JSON.stringify(meta)
  } catch (cause) {
    throw berylError('BERYL_ERR_PRESENCE_INVALID', key, topic, 'meta', WANTED, show(meta), { cause })
  }
}

/** Refuses what cannot be a presence. */
export function refusePresence(
  key: string,
  topic: string,
  field: string,
  wanted: string,
  got: unknown,
): never {
  throw berylError('BERYL_ERR_PRESENCE_INVALID', key, topic, field, wanted, show(got))
}
