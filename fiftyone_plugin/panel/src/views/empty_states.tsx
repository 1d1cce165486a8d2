// What is shown where there is nothing to show, and what to do about it.

import { promptOperator } from "../api/host";
import type { Session } from "../state/session";
import { Drawing } from "./icons";

const annotate = () => promptOperator("@densepose/annotator/annotate_people");

export function NoDataset() {
    return (
        <Empty name="folder" title="No dataset is open">
            <p>
                Choose one where the App says “Select dataset”, or open a folder of photos with <kbd>scripts/run PHOTOS_DIR</kbd>, and come
                back to this panel.
            </p>
        </Empty>
    );
}

export function EmptyDataset({ retry }: { retry(): void }) {
    return (
        <Empty name="person" title="This dataset has no labelled people yet">
            <p>Have the model label them, or import a COCO file with people; then correct them here.</p>
            <div className="dp-row">
                <button className="dp-button dp-primary" onClick={annotate}>
                    Annotate people
                </button>
                <button className="dp-button" onClick={() => promptOperator("@densepose/annotator/import_labels")}>
                    Import a file
                </button>
                <button className="dp-button" onClick={retry}>
                    Check again
                </button>
            </div>
        </Empty>
    );
}

/** In place of the list of images. */
export function EmptyQueue({ session }: { session: Session }) {
    const { filters, result } = session.queue;
    if (filters.check || filters.states.length || filters.reasons.length || filters.work) {
        return (
            <Empty name="filters" title={filters.check ? "Nobody to check" : "Nobody matches the filters"}>
                <button className="dp-button" onClick={() => void session.filter({ states: [], reasons: [], check: null, work: "" })}>
                    Show all images
                </button>
            </Empty>
        );
    }
    if (result?.images) return null;
    return (
        <Empty name="person" title="No labelled photo here">
            <p>The App’s filters or view leave none. Take them back, or have these photos labelled.</p>
            <button className="dp-button dp-writes" onClick={annotate}>
                Annotate people
            </button>
        </Empty>
    );
}

/** Above the list, once nobody is left to decide. */
export function AllDone({ session }: { session: Session }) {
    const { result } = session.queue;
    if (!result?.images || result.done < result.images) return null;
    return (
        <Empty name="done" title="Everybody is decided">
            <div className="dp-row dp-writes">
                <button className="dp-button dp-primary" onClick={() => promptOperator("@densepose/annotator/export_labels")}>
                    Export
                </button>
                <button className="dp-button" onClick={() => promptOperator("@densepose/annotator/retrain_model")}>
                    Retrain the model
                </button>
            </div>
        </Empty>
    );
}

function Empty({ name, title, children }: { name: string; title: string; children: React.ReactNode }) {
    return (
        <div className="dp-empty" data-testid={`dp-empty-${name}`}>
            <Drawing name={name} size={36} />
            <b>{title}</b>
            {children}
        </div>
    );
}
