/** What draws WebGL here. Spark wants a hardware adapter; on software it takes a second per frame and starves the page. */
export interface Adapter {
  readonly name: string;
  readonly software: boolean;
}

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render|apple software/i;

function adapterOf(name: string): Adapter {
  return { name, software: name === '' || SOFTWARE.test(name) };
}

let known: Adapter | undefined;

/** Asked once: a context costs memory and there are few of them. No WebGL at all counts as software. */
export function describeAdapter(): Adapter {
  if (known !== undefined) return known;
  const gl = document.createElement('canvas').getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  const name = gl === null ? '' : String(gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
  known = adapterOf(name);
  return known;
}
