/** Texts as a dual encoder reads them: normalised, tokenised, cut to the context without losing the end token. */
import type { PreTrainedTokenizer } from '@huggingface/transformers';
import { LiftscopeError } from '../../../contract/index.ts';

/** Longer texts are cut before they reach the tokenizer, whose time may grow faster than their length. */
const MAX_TEXT_CHARACTERS = 10_000;

/** What becomes of a text. */
export interface TextInspection {
  /** Trimmed, in Unicode's composed form, without control characters, spaces in one piece. */
  readonly text: string;
  /** Tokens that the model reads, special ones included. */
  readonly tokens: number;
  readonly truncated: boolean;
  /** Words that the tokenizer knows only as unknown, or letter by letter. */
  readonly unknownWords: readonly string[];
  /** In words, for people: what was cut, removed or is unknown. */
  readonly notes: readonly string[];
}

export interface EncodedText {
  readonly ids: readonly number[];
  readonly truncated: boolean;
}

export class TextReader {
  readonly contextTokens: number;
  readonly padId: number;
  readonly #tokenizer: PreTrainedTokenizer;
  readonly #specials: readonly string[];
  readonly #unknownIds: ReadonlySet<unknown>;

  constructor(tokenizer: PreTrainedTokenizer, contextTokens: number, unknownToken: string | undefined) {
    this.#tokenizer = tokenizer;
    const unknown = unknownToken === undefined ? undefined : tokenizer.convert_tokens_to_ids(unknownToken);
    this.#unknownIds = new Set<unknown>([unknown, tokenizer.unk_token_id].filter((id) => typeof id === 'number'));
    this.contextTokens = contextTokens;
    this.padId = finiteId(tokenizer.pad_token_id);
    // Longest first: one may be the beginning of another.
    this.#specials = tokenizer.all_special_tokens
      .filter((token: string) => token.trim() !== '')
      .sort((a: string, b: string) => b.length - a.length);
  }

  /** @throws LiftscopeError `bad-input` for a text without anything to read */
  normalise(text: string): { text: string; notes: readonly string[] } {
    const notes: string[] = [];
    let cut = text;
    if (text.length > MAX_TEXT_CHARACTERS) {
      cut = text.slice(0, MAX_TEXT_CHARACTERS);
      notes.push(`The text has ${text.length} characters; what follows the first ${MAX_TEXT_CHARACTERS} was left out.`);
    }
    let plain = cut
      .toWellFormed()
      .normalize('NFC')
      .replace(/\p{Cc}/gu, ' ');
    for (const special of this.#specials) {
      if (!plain.includes(special)) continue;
      // Typed by hand, it would end the text where the model reads its meaning.
      plain = plain.replaceAll(special, ' ');
      notes.push(`"${special}" means something to the model itself and was left out.`);
    }
    plain = plain.replace(/\s+/gu, ' ').trim();
    if (plain === '') {
      throw new LiftscopeError({
        code: 'bad-input',
        message: text.trim() === '' ? 'The text is empty.' : 'The text holds nothing that can be read.',
        hint: 'Type what to look for, for example: the handle of the red mug.',
      });
    }
    return { text: plain, notes };
  }

  /** @param text normalised */
  encode(text: string): EncodedText {
    const ids = this.#tokenizer.encode(text);
    if (ids.length <= this.contextTokens) return { ids, truncated: false };
    const bare = this.#tokenizer.encode(text, { add_special_tokens: false });
    const specials = ids.length - bare.length;
    let before = 0;
    while (before < specials && ids[before] !== bare[0]) before++;
    const kept = this.contextTokens - specials;
    // An end token that is cut away takes the meaning with it: that is the place where CLIP's text model is read.
    if (kept < 1) return { ids: ids.slice(0, this.contextTokens), truncated: true };
    return {
      ids: [...ids.slice(0, before), ...bare.slice(0, kept), ...ids.slice(before + bare.length)],
      truncated: true,
    };
  }

  inspect(text: string): TextInspection {
    const { text: plain, notes } = this.normalise(text);
    const { ids, truncated } = this.encode(plain);
    const unknownWords = this.unknownWords(plain);
    return {
      ...{ text: plain, tokens: ids.length, truncated: truncated || text.length > MAX_TEXT_CHARACTERS, unknownWords },
      notes: [
        ...notes,
        ...(truncated ? [`The model reads ${this.contextTokens} tokens; the rest of the text was left out.`] : []),
        ...(unknownWords.length > 0
          ? [`Not known to the model: ${unknownWords.slice(0, 10).join(', ')}${unknownWords.length > 10 ? ', …' : ''}.`]
          : []),
      ],
    };
  }

  /**
   * A word counts as unknown when one of its tokens is the unknown token, when there is none, or when the pieces are on average
   * shorter than two characters: letters and bytes say nothing. Numbers are exempt, which many models read digit by digit.
   */
  unknownWords(text: string): string[] {
    const unknown = new Set<string>();
    for (const word of wordsOf(text)) {
      if (unknown.has(word) || /^[\d.,]+$/.test(word)) continue;
      const ids = this.#tokenizer.encode(word, { add_special_tokens: false });
      const characters = [...word].length;
      if (ids.length === 0 || ids.some((id) => this.#unknownIds.has(id)) || ids.length > Math.max(1, characters / 2)) {
        unknown.add(word);
      }
    }
    return [...unknown];
  }
}

/** Words and symbols, in order; punctuation and spaces are none. */
function wordsOf(text: string): string[] {
  const segmenter = new Intl.Segmenter('en', { granularity: 'word' });
  return [...segmenter.segment(text.slice(0, MAX_TEXT_CHARACTERS))]
    .filter(({ segment, isWordLike }) => isWordLike === true || /\p{S}/u.test(segment))
    .map(({ segment }) => segment);
}

function finiteId(id: unknown): number {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 ? id : 0;
}
