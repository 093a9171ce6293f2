# The emulator as an image: docker build -t edgegap-sessions . && docker run -p 8080:8080 edgegap-sessions
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /edgegap-sessions ./cmd/edgegap-sessions

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /edgegap-sessions /edgegap-sessions
EXPOSE 8080
ENTRYPOINT ["/edgegap-sessions"]
CMD ["emulator", "--addr", ":8080"]
