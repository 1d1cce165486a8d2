import { registerPanel } from "./api/host";
import { Review } from "./views/review";

registerPanel({
    name: "densepose_review",
    label: "Review people",
    component: Review,
    activator: () => true,
    panelOptions: { surfaces: "grid modal", allowDuplicates: false, priority: 1 },
});
