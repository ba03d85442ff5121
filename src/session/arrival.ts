import type { Connection } from '../channel/connection.ts'

/** The address of a client, or whom to ask for it. */
export type Caller = string | { readonly remoteAddress?: string | undefined }

/**
 * A client that has come in. Its connection is made when somebody looks at it, for its address is a question to the operating
 * system, which costs a client that comes in more than all else that is decided about it.
 */
export class Arrival {
  readonly id: string
  readonly transport: Connection['transport']
  readonly connectedAt: number
  readonly #assigns: Connection['assigns']
  readonly #caller: Caller

  constructor({ id, assigns, transport, connectedAt }: Omit<Connection, 'ip'>, caller: Caller) {
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
    return Object.freeze({ id, assigns: this.#assigns, ip, transport, connectedAt })
  }
}
