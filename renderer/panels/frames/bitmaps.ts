/**
 * Decoded images by URL: the newest used stay, within a bound of bytes. Decoding happens off the main thread. Of what is
 * under way only what is still wanted goes on.
 */

export interface LoadedImage {
  readonly bitmap: ImageBitmap;
  readonly headers: Headers;
}

interface Entry {
  readonly abort: AbortController;
  readonly image: Promise<LoadedImage>;
  sizeBytes: number;
  loaded: LoadedImage | undefined;
}

/** Decoded photos of 1 megapixel take 4 MB: this holds about 60 of them. */
const MAX_BITMAP_BYTES = 256 * 2 ** 20;

export class BitmapCache {
  private readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  private readonly decode: (blob: Blob) => Promise<ImageBitmap>;
  private readonly maxBytes: number;
  /** Oldest use first. */
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;

  constructor(
    fetch: (url: string, init: RequestInit) => Promise<Response>,
    // Ids of masks are numbers, not colours: nothing may convert them on the way.
    decode: (blob: Blob) => Promise<ImageBitmap> = (blob) =>
      createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }),
    maxBytes = MAX_BITMAP_BYTES,
  ) {
    this.fetch = fetch;
    this.decode = decode;
    this.maxBytes = maxBytes;
  }

  /** The image if it is decoded already. */
  peek(url: string): LoadedImage | undefined {
    const entry = this.entries.get(url);
    if (entry?.loaded !== undefined) this.touch(url, entry);
    return entry?.loaded;
  }

  /** Rejects with what fetching or decoding rejected with; the next call tries again. */
  load(url: string): Promise<LoadedImage> {
    const known = this.entries.get(url);
    if (known !== undefined) {
      this.touch(url, known);
      return known.image;
    }
    const abort = new AbortController();
    const entry: Entry = { abort, image: this.read(url, abort.signal), sizeBytes: 0, loaded: undefined };
    this.entries.set(url, entry);
    entry.image.then(
      (image) => {
        if (this.entries.get(url) !== entry) {
          image.bitmap.close();
          return;
        }
        entry.loaded = image;
        entry.sizeBytes = 4 * image.bitmap.width * image.bitmap.height;
        this.bytes += entry.sizeBytes;
        this.shrink(url);
      },
      () => {
        if (this.entries.get(url) === entry) this.entries.delete(url);
      },
    );
    return entry.image;
  }

  /** Gives up what is under way and not among these. */
  keepLoading(wanted: ReadonlySet<string>): void {
    for (const [url, entry] of this.entries) {
      if (entry.loaded !== undefined || wanted.has(url)) continue;
      this.entries.delete(url);
      entry.abort.abort();
    }
  }

  dispose(): void {
    for (const entry of this.entries.values()) {
      entry.abort.abort();
      entry.loaded?.bitmap.close();
    }
    this.entries.clear();
    this.bytes = 0;
  }

  private async read(url: string, signal: AbortSignal): Promise<LoadedImage> {
    const response = await this.fetch(url, { signal });
    return { bitmap: await this.decode(await response.blob()), headers: response.headers };
  }

  private touch(url: string, entry: Entry): void {
    this.entries.delete(url);
    this.entries.set(url, entry);
  }

  private shrink(keep: string): void {
    for (const [url, entry] of this.entries) {
      if (this.bytes <= this.maxBytes) return;
      if (url === keep || entry.loaded === undefined) continue;
      this.entries.delete(url);
      this.bytes -= entry.sizeBytes;
      entry.loaded.bitmap.close();
    }
  }
}
