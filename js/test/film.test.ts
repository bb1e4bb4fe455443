import { beforeEach, describe, expect, it, vi } from "vitest";
import { Film } from "../src/film.ts";
import { bytes } from "./fakes.ts";

const VIDEO = { bytes: 5, mime: "video/mp4", playable: true };
const chunk = (offset: number, ...values: number[]) =>
  ({ type: "chunk", offset, total: 5, data: bytes(...values) }) as const;

let asked: number[];
let changed: ReturnType<typeof vi.fn<() => void>>;
let film: Film;

beforeEach(() => {
  asked = [];
  changed = vi.fn<() => void>();
  film = new Film((offset) => asked.push(offset), changed);
});

describe("the film", () => {
  it("comes chunk by chunk, one request at a time", async () => {
    film.want(VIDEO);
    expect(asked).toEqual([0]);
    film.take(chunk(0, 1, 2));
    expect(asked).toEqual([0, 2]);
    expect(film.status).toEqual({ kind: "loading", share: 0.4 });
    film.take(chunk(2, 3, 4, 5));
    expect(asked).toEqual([0, 2]);
    if (film.status.kind !== "here") throw new Error(film.status.kind);
    expect(film.status.blob.type).toBe("video/mp4");
    expect(new Uint8Array(await film.status.blob.arrayBuffer())).toEqual(bytes(1, 2, 3, 4, 5));
    expect(changed).toHaveBeenCalledTimes(3);
  });

  it("is asked for again when an answer stays away, ever less often", () => {
    vi.useFakeTimers();
    film.want(VIDEO);
    vi.advanceTimersByTime(1999);
    expect(asked).toEqual([0]);
    vi.advanceTimersByTime(1);
    expect(asked).toEqual([0, 0]);
    vi.advanceTimersByTime(4000);
    expect(asked).toEqual([0, 0, 0]);
    film.take(chunk(0, 1, 2));
    film.take(chunk(0, 1, 2));
    vi.advanceTimersByTime(2000);
    expect(asked).toEqual([0, 0, 0, 2, 2]);
    film.take(chunk(2, 3, 4, 5));
    vi.advanceTimersByTime(60_000);
    expect(asked).toHaveLength(5);
    expect(film.status.kind).toBe("here");
  });

  it("is asked for no more when its page has gone", () => {
    vi.useFakeTimers();
    film.want(VIDEO);
    film.close();
    vi.advanceTimersByTime(60_000);
    expect(asked).toEqual([0]);
  });

  it("is fetched once, however often it is wanted", () => {
    film.want(VIDEO);
    film.want(VIDEO);
    film.take(chunk(0, 1, 2, 3, 4, 5));
    film.want(VIDEO);
    expect(asked).toEqual([0]);
  });

  it.each([
    ["a repeated chunk", chunk(0, 1, 2)],
    ["a chunk from further on", chunk(3, 4, 5)],
    ["a chunk beyond the end", chunk(2, 3, 4, 5, 6)],
    ["a chunk of another file", { ...chunk(2, 3), total: 6 }],
  ])("ignores %s", (_, wrong) => {
    film.want(VIDEO);
    film.take(chunk(0, 1, 2));
    film.take(wrong);
    expect(asked).toEqual([0, 2]);
    expect(film.status).toEqual({ kind: "loading", share: 0.4 });
  });

  it("ignores what nobody wanted", () => {
    film.take(chunk(0, 1, 2, 3, 4, 5));
    film.fail("no");
    expect(film.status).toEqual({ kind: "idle" });
  });

  it("is lost when the kernel says so", () => {
    film.want(VIDEO);
    film.fail("the file is gone");
    film.take(chunk(0, 1, 2));
    expect(film.status).toEqual({ kind: "lost", reason: "the file is gone" });
    expect(asked).toEqual([0]);
  });
});
