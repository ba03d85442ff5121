import { type ClientRequest, type RequestOptions, request } from 'node:http'
import { request as requestSecurely } from 'node:https'

/** As much of XMLHttpRequest as phoenix.js before 1.8 needs, over node:http and node:https. */
export class NodeXhr {
  /** Of all requests: from where, to whom. */
  readonly place: RequestOptions & { readonly ca?: string } = {}
  timeout = 0
  readyState = 0
  responseText = ''
  onerror: () => void = () => {}
  onreadystatechange: () => void = () => {}
  ontimeout: () => void = () => {}
  readonly #headers: Record<string, string> = {}
  #url = ''
  #method = ''
  #sent: ClientRequest | undefined
  #isAborted = false

  open(method: string, url: string): void {
    this.#method = method
    this.#url = url
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value
  }

  send(body: string | null): void {
    const ask = this.#url.startsWith('https:') ? requestSecurely : request
    const sent = ask(this.#url, { ...this.place, method: this.#method, headers: this.#headers })
    this.#sent = sent
    if (this.timeout > 0) sent.setTimeout(this.timeout, () => sent.destroy(new Error('timeout')))
    sent.on('error', ({ message }) => {
      if (this.#isAborted) return
      if (message === 'timeout') this.ontimeout()
      else this.onerror()
    })
    sent.on('response', async (response) => {
      try {
        const chunks = await response.toArray()
        this.responseText = Buffer.concat(chunks).toString()
        this.readyState = 4
        if (!this.#isAborted) this.onreadystatechange()
      } catch {
        if (!this.#isAborted) this.onerror()
      }
    })
    sent.end(body ?? undefined)
  }

  abort(): void {
    this.#isAborted = true
    this.#sent?.destroy()
  }
}
