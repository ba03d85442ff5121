import type { FastifyInstance } from 'fastify'
import { type ConnectGrant, type Rejection, reject } from 'fastify-beryl'

declare module 'fastify-beryl' {
  interface ConnectionAssigns {
    userId: string
    name: string
  }
}

export interface Claims {
  readonly sub: string
  readonly name: string
  readonly roles: readonly string[]
}

/** The grant of `connect` and `renew` of both entrances for a token. */
export function grantTo(
  app: FastifyInstance,
  role: string,
  token: string | undefined,
): ConnectGrant | Rejection {
  try {
    const { sub, name, roles, exp } = app.jwt.verify<Claims & { exp: number }>(token ?? '')
    if (!roles.includes(role)) return reject({ reason: 'forbidden' })
    return { assigns: { userId: sub, name }, expiresAt: exp * 1000 }
  } catch {
    return reject({ reason: 'token' })
  }
}
