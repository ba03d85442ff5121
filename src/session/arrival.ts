import type { Connection, KnownAssigns } from '../channel/connection.ts'

/** The facts of a client. */
export interface Arriving extends Omit<Connection, 'assigns'> {
  /** `undefined` where none were given. */
  readonly assigns: Connection['assigns'] | undefined
}

/** A client that has come in. Its connection is made when somebody looks at it. */
export class Arrival {
  readonly id: string
  readonly transport: Connection['transport']
  readonly connectedAt: number
  readonly #assigns: Connection['assigns'] | undefined
  readonly #ip: string

  constructor({ id, assigns, ip, transport, connectedAt }: Arriving) {
    this.id = id
    this.transport = transport
    this.connectedAt = connectedAt
    this.#assigns = assigns
    this.#ip = ip
  }

  /** Its connection, made now. */
  get introduced(): Connection {
    const { id, transport, connectedAt } = this
    const ip = this.#ip
    const assigns = this.#assigns ?? noAssigns()
    return Object.freeze({ id, assigns, ip, transport, connectedAt })
  }
}

/** The types let assigns be left out where none are registered. */
function noAssigns(): KnownAssigns {
  return {} as KnownAssigns
}
