// Two annotators have labelled the open image without seeing each other's labels: where they differ, side by side, to choose.

import { fetchSecond } from "../api/operators";
import type { Agreement, PersonAgreement } from "../api/types";
import { byKey, type Image } from "../state/image_loader";
import { type Person, unpackPerson } from "../state/people";
import type { Session } from "../state/session";
import { counted } from "./counted";
import { PersonPicture } from "./person_picture";

/** As IoU and as OKS, from here on two labels look alike. */
const ALIKE = 0.8;
const TASKS = { mask: "mask", parts: "parts", charts: "surface", keypoints: "keypoints" } as const;

export function Disagreements({ session }: { session: Session }) {
    const { image } = session;
    const [isOpen, setOpen] = React.useState(false);
    /** Numbers of the people who are settled. */
    const [settled, setSettled] = React.useState<ReadonlySet<number>>(new Set());
    React.useEffect(() => {
        setOpen(false);
        setSettled(new Set());
    }, [image?.sample, image?.prefix]);
    if (!image?.agreement) return null;
    const { annotators, people } = image.agreement;
    const differing = people.map((person, number) => ({ person, number })).filter(({ person }) => lowest(person) < ALIKE);
    if (!differing.length) return null;
    const open = differing.filter(({ number }) => !settled.has(number));
    const [first, second] = annotators;
    return (
        <>
            <div className="dp-banner" data-testid="dp-agreement">
                {first} and {second} have both labelled this photo, and differ on {counted(differing.length, "person", "people")}.
                <button className="dp-button" onClick={() => setOpen(!isOpen)}>
                    {isOpen ? "Close" : "Compare"}
                </button>
            </div>
            {isOpen && (
                <Settling
                    session={session}
                    image={image}
                    annotators={annotators}
                    open={open}
                    onSettled={(number) => setSettled(new Set([...settled, number]))}
                />
            )}
        </>
    );
}

interface SettlingProps {
    session: Session;
    image: Image;
    annotators: Agreement["annotators"];
    open: { person: PersonAgreement; number: number }[];
    onSettled(number: number): void;
}

/** The people on whom the two differ, one after another. */
function Settling({ session, image, annotators: [first, second], open, onSettled }: SettlingProps) {
    const [theirs, setTheirs] = React.useState<Map<string, Person> | null>(null);
    React.useEffect(() => {
        let isWanted = true;
        void session.reportErrors(async () => {
            const { people } = await fetchSecond({ ...session.scope, prefix: image.prefix }, image.sample);
            const unpacked = await Promise.all(people.map((data) => unpackPerson(data)));
            if (isWanted) setTheirs(byKey(unpacked));
        });
        return () => {
            isWanted = false;
        };
    }, [session, image]);
    const { readOnly } = session.team;
    if (!open.length) {
        return <div className="dp-disagreements">{readOnly ? "These were all." : "Everything is settled: approve who is right."}</div>;
    }
    if (!theirs) return <div className="dp-disagreements dp-dim">Loading…</div>;
    const [{ person, number }] = open;
    const our = person.first === null ? undefined : image.people.get(person.first);
    const their = person.second === null ? undefined : theirs.get(person.second);
    const settle = (make?: () => void) => {
        make?.();
        onSettled(number);
    };
    const take = (layers: ("mask" | "keypoints")[]) => () =>
        session.edits.make({ kind: "take_second", second: person.second!, person: our?.key, layers });
    return (
        <div className="dp-disagreements" data-testid="dp-disagreements">
            <div className="dp-row">
                <strong>{counted(open.length, "person", "people")} {readOnly ? "left to compare" : "to settle"}</strong>
                <span className="dp-dim">{describe(person, first, second)}</span>
            </div>
            <div className="dp-sides">
                <Side image={image} person={our} caption={first} />
                <Side image={image} person={their} caption={second} />
            </div>
            <div className="dp-row">
                <button className="dp-button" onClick={() => settle()}>
                    {readOnly ? "Next" : our ? `Keep ${first}’s` : "Nobody is there"}
                </button>
                {our && !their && (
                    <button className="dp-button dp-writes" onClick={() => settle(() => session.edits.make({ kind: "delete", person: our.key }))}>
                        Nobody is there
                    </button>
                )}
                {their && (
                    <button className="dp-button dp-writes" onClick={() => settle(take(["mask", "keypoints"]))}>
                        Take {second}’s
                    </button>
                )}
                {our && their && (
                    <>
                        <button className="dp-button dp-writes" onClick={() => settle(take(["mask"]))} title="Mask, parts and surface; the keypoints stay">
                            {second}’s mask
                        </button>
                        <button className="dp-button dp-writes" onClick={() => settle(take(["keypoints"]))} title="Mask, parts and surface stay">
                            {second}’s keypoints
                        </button>
                    </>
                )}
            </div>
        </div>
    );
}

function Side({ image, person, caption }: { image: Image; person: Person | undefined; caption: string }) {
    if (person) return <PersonPicture image={image} person={person} index={0} caption={caption} skeleton />;
    return (
        <figure className="dp-dim">
            {caption}
            <figcaption>has nobody here</figcaption>
        </figure>
    );
}

/** 0 where only one of the two has the person. */
function lowest(person: PersonAgreement): number {
    if (person.first === null || person.second === null) return 0;
    const values = Object.keys(TASKS).map((task) => person[task as keyof typeof TASKS] ?? 1);
    return Math.min(...values);
}

function describe(person: PersonAgreement, first: string, second: string): string {
    if (person.first === null) return `only ${second} has this person`;
    if (person.second === null) return `only ${first} has this person`;
    const words = Object.entries(TASKS).flatMap(([task, word]) => {
        const value = person[task as keyof typeof TASKS];
        return typeof value === "number" ? [`${word} ${value.toFixed(2)}`] : [];
    });
    return `agreement, 0 to 1: ${words.join(", ")}`;
}
