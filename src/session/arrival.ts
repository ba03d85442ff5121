import type { Connection, KnownAssigns } from '../channel/connection.ts'

/** The address of a client, or whom to ask for it. */
export type Caller = string | { readonly remoteAddress?: string | undefined }

/** The facts of a client that cost nothing. */
export interface Arriving extends Omit<Connection, 'ip' | 'assigns'> {
  /** `undefined` where none were given. */
  readonly assigns: Connection['assigns'] | undefined
}

/**
 * A client that has come in. Its connection is made when somebody looks at it, for its address is a question to the operating
 * system, which costs a client that comes in more than all else that is decided about it.
 */
export class Arrival {
  readonly id: string
  readonly transport: Connection['transport']
  readonly connectedAt: number
  readonly #assigns: Connection['assigns'] | undefined
  readonly #caller: Caller

  constructor({ id, assigns, transport, connectedAt }: Arriving, caller: Caller) {
    this.id = id
    this.transport = transport
    this.connectedAt = connectedAt
    this.#assigns = assigns
    this.#caller = caller
  }

  /** Its connection, made now. A client that is gone, or came over a Unix socket, has no address. */
  get introduced(): Connection {
    const { id, transport, connectedAt } = this
    const caller = this.#caller
    const ip = typeof caller === 'string' ? caller : (caller.remoteAddress ?? '')
    const assigns = this.#assigns ?? noAssigns()
    return Object.freeze({ id, assigns, ip, transport, connectedAt })
  }
}

/** The types let assigns be left out where none are registered. */
function noAssigns(): KnownAssigns {
  return {} as KnownAssigns
}
