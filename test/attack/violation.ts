/** The faults that a round has found, in words. Collected, so that one round may show several. */
export class Findings {
  readonly list: string[] = []

  add(what: string): void {
    // One is as good as a thousand of its kind.
    if (this.list.length < 20 && !this.list.includes(what)) this.list.push(what)
  }
}
