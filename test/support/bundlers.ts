import { dirname } from 'node:path'
import { build as esbuild } from 'esbuild'
import { build as vite } from 'vite'

/** Makes one minified module of a file and all that it imports but `external`. */
type Bundle = (file: string, external: readonly string[]) => Promise<string>

/** Those that pages are made with, by name. */
export const bundlers: Readonly<Record<string, Bundle>> = {
  async esbuild(file, external) {
    const { outputFiles } = await esbuild({
      entryPoints: [file],
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      external: [...external],
      write: false,
    })
    return outputFiles[0]?.text ?? ''
  },
  async Vite(file, external) {
    const built = await vite({
      configFile: false,
      logLevel: 'silent',
      root: dirname(file),
      build: {
        write: false,
        target: 'es2022',
        minify: true,
        modulePreload: false,
        rollupOptions: { input: file, preserveEntrySignatures: 'strict', external: [...external] },
      },
    })
    const [bundle] = [built].flat()
    if (bundle === undefined || !('output' in bundle)) throw new Error('Vite has built nothing')
    return bundle.output[0].code
  },
}
