import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { launchChromium } from '../support/chromium.ts'

// The five minutes of the README, as a reader pastes them.

const FENCE = /^```(\w*)[^\n]*\n(.*?)^```$/gms
const NAME = /^(?:\/\/|<!--) ([\w.-]+)/

interface Block {
  readonly language: string
  readonly code: string
}

/** Pastes block after block into an empty folder, with the packed package in the place of the published one. */
export async function pasteReadme(tarball: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'beryl-five-minutes-'))
  const servers: ChildProcess[] = []
  let printed = ''
  try {
    for (const { language, code } of blocks()) {
      if (language === 'text') assert.ok(printed.startsWith(code), `it printed:\n${printed}`)
      else if (language !== 'sh') writeFileSync(join(folder, nameOf(code)), code)
      else if (code.includes('main.ts')) await tryChat(start(folder, code, servers))
      else printed = shell(folder, code.replace(' fastify-beryl', ` ${tarball}`))
    }
  } finally {
    for (const server of servers) process.kill(-(server.pid ?? 0))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A command whose output the page shows stands behind that output there: it is run before. */
function blocks(): Block[] {
  const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')
  const [, section = ''] = /^## Five minutes\n(.*?)^## /ms.exec(readme) ?? []
  const all = [...section.matchAll(FENCE)].map(([, language = '', code = '']) => ({ language, code }))
  const shown = all.filter(({ language }) => language === 'text')
  return [...all.filter(({ language }) => language !== 'text'), ...shown]
}

function nameOf(code: string): string {
  const [, name] = NAME.exec(code) ?? []
  assert.ok(name, `a block of the five minutes has no name:\n${code}`)
  return name
}

const quick = { npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' }

function shell(cwd: string, script: string): string {
  return String(execFileSync('bash', ['-ec', script], { cwd, env: { ...process.env, ...quick } }))
}

/** In a process group of its own, with which all that npx starts is ended. */
function start(cwd: string, script: string, servers: ChildProcess[]): ChildProcess {
  const env = { ...process.env, PORT: '0' }
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const server = spawn('bash', ['-ec', script], { cwd, env, stdio: [...stdio], detached: true })
  servers.push(server)
  return server
}

async function tryChat({ stdout }: ChildProcess): Promise<void> {
  assert.ok(stdout)
  const [address] = await once(createInterface(stdout), 'line')
  const browser = await launchChromium()
  try {
    const ada = await visit(browser, address, 'ada')
    const bob = await visit(browser, address, 'bob')
    await bob.getByText('here: ada, bob').waitFor()
    await ada.locator('input').fill('hello')
    await ada.getByRole('button').click()
    await bob.getByText('ada: hello').waitFor()
    const headers = { 'content-type': 'application/json' }
    const news = await fetch(`${address}/rooms/lobby`, { method: 'POST', headers, body: '{"body":"news"}' })
    assert.deepEqual(await news.json(), { here: ['ada', 'bob'] })
    await ada.getByText('the server: news').waitFor()
  } finally {
    await browser.close()
  }
}

async function visit(browser: Browser, address: string, name: string): Promise<Page> {
  const page = await browser.newPage()
  page.on('dialog', (dialog) => void dialog.accept(name))
  await page.goto(address)
  return page
}
