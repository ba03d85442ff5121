import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/**
 * Holds the pages of an unpacked package to what they promise: every link leads to a file of the package, and every picture of
 * the package is shown by a page.
 */
export function checkPages(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const pages = files.filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
  const targets = new Set<string>()
  for (const page of pages) {
    for (const target of linksOf(readFileSync(join(folder, page), 'utf8'))) {
      const file = normalize(join(dirname(page), target))
      assert.ok(
        existsSync(join(folder, file)),
        `${page} of the package links to ${target}, which is not packed`,
      )
      targets.add(file)
    }
  }
  const pictures = files.filter((file) => /\.(png|svg)$/.test(file))
  assert.deepEqual(
    pictures.filter((file) => !targets.has(file)),
    [],
    'pictures are packed that no page shows',
  )
  return pages
}

function linksOf(text: string): string[] {
  const prose = text.replace(/^```.*?^```$/gms, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^(https?:|mailto:|#)/.test(target))
    .map((target) => target.replace(/#.*/, ''))
}
