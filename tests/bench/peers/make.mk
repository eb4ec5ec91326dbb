# ffmpeg and GNU make: one decode a file, which finds the changes of scene and leaves the small pictures on disk; then one
# encode in segments, cut at the scenes and every five seconds of each; at last one tar and one table. No framework.
#
#   make -k -j2 -f make.mk IN=FOLDER OUT=FOLDER PRESET=medium CRF=18 HEIGHT=256 [X264=asm=avx2] [THRESHOLD=0.2]

SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DELETE_ON_ERROR:
THRESHOLD ?= 0.2
SOURCES := $(shell cd $(IN) && find . -name '*.mp4' | LC_ALL=C sort)
DONE := $(patsubst ./%.mp4,$(OUT)/clips/%/done,$(SOURCES))
FFMPEG := ffmpeg -nostdin -hide_banner -y -threads 1 -filter_threads 1 -filter_complex_threads 1

$(OUT)/shard.tar: $(DONE)
	cd $(OUT)/clips && find . \( -name '*.mp4' -o -name '*.flac' \) -printf '%P\n' | LC_ALL=C sort > ../members.txt
	tar -C $(OUT)/clips -cf $@ --mtime=@0 --owner=0 --group=0 -T $(OUT)/members.txt
	cd $(OUT)/clips && sha256sum $$(cat ../members.txt) > ../table.txt

$(OUT)/clips/%/done: $(IN)/%.mp4
	mkdir -p $(@D)
	$(FFMPEG) -i $< -filter_complex "[0:v]fps=25,scale=-2:$(HEIGHT):flags=bicubic,format=yuv420p,split[a][b];\
	[b]select='gt(scene,$(THRESHOLD))',showinfo[c]" -map '[a]' -f yuv4mpegpipe $(@D)/small.y4m -map '[c]' -f null - \
	2> $(@D)/scenes.log || { echo $< >> $(OUT)/failed.txt; touch $@; exit 0; }; \
	frames=$$(( ($$(stat -c %s $(@D)/small.y4m) - $$(head -1 $(@D)/small.y4m | wc -c)) / \
	    ( 6 + 3 * $(HEIGHT) * $$(head -1 $(@D)/small.y4m | sed 's/.* W\([0-9]*\).*/\1/') / 2 ) )); \
	sed -n 's/.*showinfo.* pts_time:\([0-9.]*\).*/\1/p' $(@D)/scenes.log | awk -v end=$$frames \
	    'function part(a, b) { for (f = a + 125; f < b; f += 125) printf "%s%.2f", s++ ? "," : "", f / 25 } \
	     { at = int($$1 * 25 + 0.5); part(from, at); printf "%s%.2f", s++ ? "," : "", at / 25; from = at } \
	     END { part(from, end); if (!s) print 99999 }' > $(@D)/times; \
	$(FFMPEG) -v error -i $(@D)/small.y4m -c:v libx264 -threads 1 -preset $(PRESET) -crf $(CRF) $(addprefix -x264-params ,$(X264)) \
	    -force_key_frames $$(cat $(@D)/times) -f segment -segment_times $$(cat $(@D)/times) -reset_timestamps 1 \
	    -segment_format mp4 $(@D)/%03d.mp4; \
	$(FFMPEG) -v error -i $< -vn -map '0:a?' -ac 1 -ar 16000 -c:a flac -f segment -segment_times $$(cat $(@D)/times) \
	    -reset_timestamps 1 $(@D)/%03d.flac || [ -z "$$(ffprobe -v error -select_streams a -show_entries stream=index -of csv=p=0 $<)" ]; \
	rm -f $(@D)/small.y4m; \
	touch $@
