// The chat that each side is: rooms, lines that are checked and answered with an id, and a list of who is here.

export interface Line {
  readonly id: string
  readonly from: string
  readonly body: string
}

/** The page of one visitor. */
export interface Page {
  said(line: Line): void
  here(names: readonly string[]): void
}

/** A visitor in a room. */
export interface Chat {
  /** Resolves with the id of the line. */
  say(body: string): Promise<string>
  close(): unknown
}
