import * as index from 'fastify-beryl'
import * as asyncapi from 'fastify-beryl/asyncapi'
import * as metrics from 'fastify-beryl/metrics'
import * as redis from 'fastify-beryl/redis'
import * as supervision from 'fastify-beryl/supervision'
import * as testing from 'fastify-beryl/testing'

// Every public function, found by looking at what is exported and at what the handles are made of. A function that is not
// in `rows.ts` fails the test.

/** Where a function is found, by the name of its row: `channels.broadcast`. */
export type Found = ReadonlyMap<string, object>

const ENTRIES: Readonly<Record<string, object>> = { asyncapi, index, metrics, redis, supervision, testing }

/** The functions and classes of the entry points. */
export function exported(): Map<string, object> {
  const found = new Map<string, object>()
  for (const [entry, module] of Object.entries(ENTRIES)) {
    for (const [name, value] of Object.entries(module)) {
      if (typeof value === 'function') found.set(`${entry}.${name}`, module)
      if (typeof value === 'function') addStatics(found, `${entry}.${name}`, value)
    }
  }
  return found
}

function addStatics(found: Map<string, object>, name: string, value: object): void {
  for (const key of Object.getOwnPropertyNames(value)) {
    if (['length', 'name', 'prototype'].includes(key)) continue
    const method: unknown = Reflect.get(value, key)
    // A plugin is its own default, and itself by its name.
    if (typeof method === 'function' && method !== value) found.set(`${name}.${key}`, value)
  }
}

/** The methods of a handle, own and of its classes, and the functions that its getters give. */
export function methodsOf(name: string, handle: object): Map<string, object> {
  const found = new Map<string, object>()
  for (
    let level: object | null = handle;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (const key of Object.getOwnPropertyNames(level)) {
      if (typeof Reflect.get(handle, key) === 'function' && key !== 'constructor')
        found.set(`${name}.${key}`, handle)
    }
  }
  return found
}
