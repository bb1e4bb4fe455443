import { beforeEach, describe, expect, it, vi } from "vitest";
import type { FilmStatus } from "../src/film.ts";
import { createScreen, type Screen } from "../src/screen.ts";
import { countUrls, picture, recording } from "./fakes.ts";

const IDLE: FilmStatus = { kind: "idle" };
const here = (): FilmStatus => ({ kind: "here", blob: new Blob(["film"], { type: "video/mp4" }) });

let urls: Set<string>;
let changed: ReturnType<typeof vi.fn<() => void>>;
let screen: Screen;
const video = () => screen.element.querySelector("video");

beforeEach(() => {
  urls = countUrls();
  changed = vi.fn<() => void>();
  screen = createScreen(changed);
});

describe("the picture", () => {
  it("has the recording's shape before the first frame comes", () => {
    screen.paint(recording({ size: [1000, 500] }), IDLE);
    expect(screen.element.style.getPropertyValue("--nbpipe-aspect")).toBe("2");
    expect(screen.lit).toBe(false);
  });

  it("is drawn at its own size, and named", () => {
    screen.paint(recording({ name: "<b>a.mp4" }), IDLE);
    screen.draw(picture());
    screen.draw(picture());
    const canvas = screen.element.querySelector("canvas");
    expect([canvas?.width, canvas?.height]).toEqual([4, 2]);
    expect(canvas?.getAttribute("aria-label")).toBe("Recording of <b>a.mp4");
    expect(screen.lit).toBe(true);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it("stays, dimmed, when the recording failed", () => {
    screen.draw(picture());
    screen.paint(recording({ state: "failed" }), IDLE);
    expect(screen.element.classList.contains("nbpipe-dimmed")).toBe(true);
    expect(screen.element.querySelector("canvas")).not.toBeNull();
  });
});

describe("the video", () => {
  const done = recording({ state: "done" });

  it("tells how much of it is here", () => {
    screen.paint(done, { kind: "loading", share: 0.459 });
    expect(screen.element.textContent).toBe("loading video 45 %");
    screen.paint(done, here());
    expect(screen.element.textContent).toBe("");
  });

  it("replaces the canvas when its first image is there: silent, looping, with controls", () => {
    screen.draw(picture());
    screen.paint(done, here());
    screen.paint(done, here());
    expect(screen.element.querySelectorAll("video")).toHaveLength(1);
    expect(video()).toMatchObject({ controls: true, loop: true, muted: true, autoplay: true });
    expect(screen.element.classList.contains("nbpipe-playing")).toBe(false);
    video()?.dispatchEvent(new Event("loadeddata"));
    expect(screen.element.classList.contains("nbpipe-playing")).toBe(true);
  });

  it("waits for a person who wants less motion", () => {
    vi.stubGlobal("matchMedia", (query: string) => ({ matches: query.includes("reduce") }));
    screen.paint(done, here());
    expect(video()?.autoplay).toBe(false);
  });

  it("leaves the last picture, and the file to download, if the browser cannot play it", () => {
    screen.draw(picture());
    screen.paint(done, here());
    video()?.dispatchEvent(new Event("error"));
    expect(video()).toBeNull();
    expect(screen).toMatchObject({ unplayable: true, lit: true, url: [...urls][0] });
    expect(screen.element.querySelector("canvas")).not.toBeNull();
  });

  it("leaves no object URL behind, and emptying the player is no failure", () => {
    screen.paint(done, here());
    const player = video();
    expect(urls.size).toBe(1);
    screen.close();
    player?.dispatchEvent(new Event("error"));
    expect(urls.size).toBe(0);
    expect(player?.getAttribute("src")).toBeNull();
    expect(screen).toMatchObject({ unplayable: false, url: null });
    screen.close();
  });
});
